// Channel: items from those who send to those who receive, through a buffer of limited size. Go's channel, asyncio's Queue.
//
//   Channel<Job> jobs(100);
//
//   co_await jobs.send(job);                                        // waits while a hundred are there
//   jobs.close();                                                   // no more will come
//
//   while (std::optional<Job> job = co_await jobs.next()) ...       // to the end
//
// First come, first served, at both ends. A cancelled send has sent nothing, a cancelled receive has received nothing: an
// item that was meant for somebody who was cancelled before he saw it goes to the next, or back to the front.

#ifndef VOW_PROMISE_CHANNEL_H_
#define VOW_PROMISE_CHANNEL_H_

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "loop/source_location.h"
#include "promise/internal/channel_state.h"
#include "promise/promise.h"

namespace vow {

// T is any object type that can be moved. Belongs to the thread of those who use it. Neither copied nor moved.
template <class T>
class Channel {
  static_assert(std::is_object_v<T> && std::is_move_constructible_v<T>,
                "the T of a Channel<T> must be a type that can be moved");

 public:
  // With a capacity of 0, a send is fulfilled when somebody has received the item.
  explicit Channel(std::size_t capacity, SourceLocation where = SourceLocation::current())
      : state_(new promise_internal::ChannelState<T>(capacity, where)) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  // Who still waits is rejected, Aborted; the items are destroyed.
  ~Channel() { state_->abandon(); }

  // Fulfilled when the item is in the buffer, or with somebody who receives. Rejected, FailedPrecondition, if the channel is
  // closed, or is closed before that.
  Promise<> send(T item, SourceLocation where = SourceLocation::current()) {
    return state_->send(std::move(item), where);
  }
  // The same if it can be done now. Otherwise false, and the item stays where it is.
  bool try_send(T&& item, SourceLocation where = SourceLocation::current()) {
    return state_->try_send(std::move(item), where);
  }

  // The next item, when it is one's turn. Rejected, OutOfRange, when the channel is closed and empty.
  Promise<T> receive(SourceLocation where = SourceLocation::current()) { return state_->template receive<T>(where); }
  // The same, but nullopt when the channel is closed and empty.
  Promise<std::optional<T>> next(SourceLocation where = SourceLocation::current()) {
    return state_->template receive<std::optional<T>>(where);
  }
  // An item, if there is one now.
  std::optional<T> try_receive(SourceLocation where = SourceLocation::current()) { return state_->try_receive(where); }

  // No more will be sent. What is in the buffer can still be received. Who waits to send is rejected, FailedPrecondition.
  // Again: nothing.
  void close(SourceLocation where = SourceLocation::current()) { state_->close(where); }
  bool is_closed() const { return state_->is_closed(); }

  // How many items are in the buffer.
  std::size_t size() const { return state_->size(); }

 private:
  promise_internal::ChannelState<T>* const state_;  // Owned, in the sense of a reference.
};

}  // namespace vow

#endif  // VOW_PROMISE_CHANNEL_H_
