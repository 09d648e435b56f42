// What is behind a Channel. Internal: the header to read is promise/channel.h.
//
// Each item travels in a node of its own: from the sender, through the buffer, to the receiver, who keeps the node as long
// as his promise lives, so that the item can come back without any memory being needed for it.
//
// If receivers wait, there is neither an item in the buffer nor a sender that waits; if senders wait, the buffer is full.

#ifndef VOW_PROMISE_INTERNAL_CHANNEL_STATE_H_
#define VOW_PROMISE_INTERNAL_CHANNEL_STATE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "loop/block_pool.h"
#include "loop/job.h"
#include "loop/source_location.h"
#include "promise/internal/state.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/wait_queue.h"
#include "promise/internal/withdrawal.h"
#include "promise/promise.h"

namespace vow::promise_internal {

// Kept by references: the Channel's, and one for each who receives.
template <class T>
class ChannelState final : public Pooled<ChannelState<T>> {
 public:
  ChannelState(std::size_t capacity, SourceLocation where) : capacity_(capacity), where_(where) {}

  bool is_closed() const { return is_closed_; }
  std::size_t size() const { return size_; }

  Promise<> send(T item, SourceLocation where) {
    if (is_closed_) return reject(closed(), where);
    auto node = std::make_unique<Node>(std::move(item), ++sent_);
    if (may_send()) {
      Promise<> sent = resolve(where);
      accept(std::move(node), "send", where);
      return sent;
    }
    return senders_.wait(*new Sender(std::move(node), where));
  }

  bool try_send(T&& item, SourceLocation where) {
    if (is_closed_ || !may_send()) return false;
    accept(std::make_unique<Node>(std::move(item), ++sent_), "try_send", where);
    return true;
  }

  // Result is T or std::optional<T>.
  template <class Result>
  Promise<Result> receive(SourceLocation where) {
    auto* receiver = new Receiver<Result>(*this, where);
    Promise<Result> promise = Access::make<Result>(receiver);
    if (std::unique_ptr<Node> node = take("receive", where)) {
      receiver->deliver(std::move(node));
    } else if (is_closed_) {
      receiver->end();
    } else {
      receiver->add_reference();
      receivers_.push(receiver->place());
    }
    return promise;
  }

  std::optional<T> try_receive(SourceLocation where) {
    const std::unique_ptr<Node> node = take("try_receive", where);
    return node == nullptr ? std::nullopt : std::exchange(node->item, std::nullopt);
  }

  void close(SourceLocation where) {
    if (std::exchange(is_closed_, true)) return;
    add_reference();
    reject_senders("close", where, closed());
    for_receivers("close", where, [](Place& place) { place.end(); });
    remove_reference();
  }

  void abandon() {
    is_closed_ = is_abandoned_ = true;
    const absl::Status error = destroyed("Channel", where_);
    reject_senders("destroy", where_, error);
    for_receivers("destroy", where_, [&](Place& place) { place.fail(error); });
    returned_.clear();
    while (Job* node = buffer_.pop()) delete static_cast<Node*>(node);
    remove_reference();
  }

  void add_reference() { ++references_; }
  void remove_reference() {
    if (--references_ == 0) delete this;
  }

 private:
  class Node final : public Job, public Pooled<Node> {
   public:
    Node(T&& content, std::uint64_t its_number) : item(std::move(content)), number(its_number) {}
    std::optional<T> item;
    const std::uint64_t number;  // In the order of sending.

   private:
    void run() noexcept override {}
    void drop() noexcept override {}
  };

  class Sender final : public Waiter<void>, public Pooled<Sender> {
   public:
    Sender(std::unique_ptr<Node> node, SourceLocation where) : Waiter(where), node_(std::move(node)) {}
    std::unique_ptr<Node> take_node() { return std::move(node_); }

   private:
    void left() noexcept override { mark_clearable(); }
    void clear() noexcept override { node_.reset(); }
    void destroy() noexcept override {
      destroy_in_turn([this] { delete this; });
    }
    std::unique_ptr<Node> node_;
  };

  // A receiver's place in the queue, whatever the type of his promise.
  class Place : public Job {
   public:
    virtual State& state() = 0;
    virtual void deliver(std::unique_ptr<Node> node) = 0;
    virtual void end() = 0;
    virtual void fail(absl::Status error) = 0;

   protected:
    ~Place() = default;

   private:
    void run() noexcept override {}
    void drop() noexcept override {}
  };

  template <class Result>
  class Receiver final : public TypedState<Result>, public Pooled<Receiver<Result>> {
   public:
    Receiver(ChannelState& channel, SourceLocation where)
        : TypedState<Result>(where), channel_(channel), place_(*this) {
      channel_.add_reference();
    }
    ~Receiver() { channel_.remove_reference(); }

    Place& place() { return place_; }

    // Who withdraws before he has seen it gets `clear` called.
    void deliver(std::unique_ptr<Node> node) {
      node_ = std::move(node);
      guarded([this] { this->fulfill(*std::move(node_->item)); }, [this] { this->reject_with_current_exception(); });
      this->mark_clearable();
    }
    void end() {
      if constexpr (std::is_same_v<Result, T>) {
        this->reject(error_with(absl::StatusCode::kOutOfRange, [] { return "the channel is closed, and empty"; }));
      } else {
        this->fulfill(std::nullopt);
      }
    }

   private:
    class MyPlace final : public Place {
     public:
      explicit MyPlace(Receiver& receiver) : receiver_(receiver) {}
      State& state() override { return receiver_; }
      void deliver(std::unique_ptr<Node> node) override { receiver_.deliver(std::move(node)); }
      void end() override { receiver_.end(); }
      void fail(absl::Status error) override { receiver_.reject(std::move(error)); }

     private:
      Receiver& receiver_;
    };

    void run() noexcept override {}
    void stop(Withdrawal& withdrawal) noexcept override {
      channel_.receivers_.remove(place_);
      this->be_cancelled(withdrawal.reason());
      this->remove_reference();
    }
    void clear() noexcept override {
      if (!this->is_fulfilled() || node_ == nullptr) return;
      guarded(
          [this] {
            node_->item.reset();
            if constexpr (std::is_same_v<Result, T>) {
              node_->item.emplace(std::move(this->value()));
            } else if (this->value().has_value()) {
              node_->item.emplace(*std::move(this->value()));
            }
            if (node_->item.has_value()) channel_.put_back(std::move(node_), this->where());
          },
          [] {});
    }
    void destroy() noexcept override { this->destroy_block(this); }

    ChannelState& channel_;
    std::unique_ptr<Node> node_;  // What the item came in.
    MyPlace place_;
  };

  static absl::Status closed() {
    return error_with(absl::StatusCode::kFailedPrecondition, [] { return "the channel is closed"; });
  }

  bool may_send() const { return !receivers_.empty() || size_ < capacity_; }

  void accept(std::unique_ptr<Node> node, const char* call, SourceLocation where) {
    if (receivers_.empty()) {
      push(std::move(node));
    } else {
      deliver(std::move(node), call, where);
    }
  }

  void push(std::unique_ptr<Node> node) {
    buffer_.push(*node.release());
    ++size_;
  }

  // To the first who waits.
  void deliver(std::unique_ptr<Node> node, const char* call, SourceLocation where) {
    auto& place = static_cast<Place&>(*receivers_.pop());
    place.state().check_thread(call, where);
    place.deliver(std::move(node));
    place.state().remove_reference();
  }

  // What one has not sent goes when he has left the queue, for its destructor may do anything with the channel; yet before
  // he hears of it.
  void reject_senders(const char* call, SourceLocation where, const absl::Status& error) {
    while (!senders_.empty()) {
      const std::unique_ptr<Node> unsent = static_cast<Sender&>(senders_.front()).take_node();
      senders_.reject_next(call, where, error);
    }
  }

  template <class Settle>
  void for_receivers(const char* call, SourceLocation where, Settle&& settle) {
    while (Job* job = receivers_.pop()) {
      auto& place = static_cast<Place&>(*job);
      place.state().check_thread(call, where);
      settle(place);
      place.state().remove_reference();
    }
  }

  // The first item; its place in the buffer, unless it had come back to one that was full, goes to the first sender.
  std::unique_ptr<Node> take(const char* call, SourceLocation where) {
    std::unique_ptr<Node> node = returned_.empty() ? std::unique_ptr<Node>(static_cast<Node*>(buffer_.pop()))
                                                   : std::move(returned_.extract(returned_.begin()).mapped());
    if (node != nullptr) --size_;
    if (!senders_.empty() && (node == nullptr || size_ < capacity_)) {
      std::unique_ptr<Node> next = static_cast<Sender&>(senders_.front()).take_node();
      if (node == nullptr) {
        node = std::move(next);
      } else {
        push(std::move(next));
      }
      senders_.fulfill_next(call, where);
    }
    return node;
  }

  // An item that nobody has seen.
  void put_back(std::unique_ptr<Node> node, SourceLocation where) {
    if (is_abandoned_) return;
    if (!receivers_.empty()) return deliver(std::move(node), "cancel", where);
    const std::uint64_t number = node->number;
    returned_.emplace(number, std::move(node));
    ++size_;
  }

  const std::size_t capacity_;
  std::size_t size_ = 0;
  std::uint32_t references_ = 1;
  bool is_closed_ = false;
  bool is_abandoned_ = false;
  SourceLocation where_;
  std::uint64_t sent_ = 0;
  JobQueue buffer_;  // Of Nodes.
  // Items that have come back, which are older than those in the buffer. They may come back in any order.
  std::map<std::uint64_t, std::unique_ptr<Node>> returned_;
  JobQueue receivers_;  // Of Places.
  WaitQueue<void> senders_;
};

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_CHANNEL_STATE_H_
