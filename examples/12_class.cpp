// 12_class.cpp - C++14 and later: a class owns its queue and function through unique_ptr, and one of its members is the handler.
#include <nimbus/nimbus.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

namespace
{

struct Release {
    void operator()(nimbus_queue *queue) const
    {
        nimbus_queue_release(queue);
    }
    void operator()(nimbus_function *function) const
    {
        // No call of the handler starts after this, and none runs any more: only then may the object go.
        nimbus_function_delete(function, NIMBUS_FOREVER);
        nimbus_function_release(function);
    }
    void operator()(nimbus_runtime *nb) const
    {
        nimbus_close(nb, NIMBUS_SECONDS(5), nullptr);
    }
};

template <typename T> using Handle = std::unique_ptr<T, Release>;

void check(const nimbus_error &err)
{
    if (err.status != NIMBUS_OK)
        throw std::runtime_error(std::string(err.call) + ": " + err.reason);
}

class Till
{
  public:
    Till(nimbus_runtime *nb, nimbus_error *err)
    {
        nimbus_queue_options options; // every member has an initialiser: what is left out is zero, which is the default
        options.visibility_timeout = NIMBUS_SECONDS(30);
        queue_.reset(nimbus_queue_create(nb, "orders", &options, err));

        nimbus_function_options concurrent;
        concurrent.max_concurrency = 4;
        function_.reset(nimbus_function_create(nb, "charge", &Till::handler, this, &concurrent, err));
        nimbus_function_map(function_.get(), queue_.get(), nullptr, err);
    }
    Till(const Till &) = delete;
    Till &operator=(const Till &) = delete;

    nimbus_status order(const std::string &what)
    {
        nimbus_entry entry;
        entry.body = nimbus_copy(what.data(), what.size());
        return nimbus_queue_send(queue_.get(), &entry, nullptr);
    }
    int charged() const
    {
        return charged_;
    }

  private:
    static nimbus_outcome handler(const nimbus_delivery *delivery, void *self) noexcept
    {
        try { // an exception must not leave a handler
            return static_cast<Till *>(self)->charge(delivery);
        } catch (const std::exception &e) {
            nimbus_delivery_fail(delivery, e.what());
            return NIMBUS_RETRY;
        }
    }
    nimbus_outcome charge(const nimbus_delivery *delivery)
    {
        nimbus_bytes body = nimbus_delivery_body(delivery);
        std::string text(static_cast<const char *>(body.data), body.size);
        if (text.empty())
            throw std::runtime_error("an empty order");
        ++charged_;
        return NIMBUS_DONE;
    }

    std::atomic<int> charged_{ 0 };
    Handle<nimbus_queue> queue_;
    Handle<nimbus_function> function_; // declared last, so ended first
};

} // namespace

int main()
{
    try {
        nimbus_error err;
        Handle<nimbus_runtime> nb(nimbus_open(nullptr, &err));
        Till till(nb.get(), &err); // declared after the instance, so gone before it
        check(err);
        for (int i = 0; i < 10; i++)
            if (till.order("order " + std::to_string(i)) != NIMBUS_OK)
                throw std::runtime_error("an order was refused");
        nimbus_shutdown(nb.get(), NIMBUS_SECONDS(5), nullptr);
        std::printf("charged %d orders\n", till.charged());
        return till.charged() == 10 ? 0 : 1;
    } catch (const std::exception &e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
