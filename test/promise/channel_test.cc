#include "promise/channel.h"

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/as_completed.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/race.h"
#include "promise/sleep.h"
#include "promise/task_group.h"
#include "promise/when_all.h"
#include "promise/with_timeout.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

using testing::HasSubstr;

class ChannelTest : public LoopTest {
 public:
  // Calls f when the last copy is destroyed.
  using AtEnd = std::shared_ptr<void>;
  template <class F>
  static AtEnd at_end(F f) {
    return AtEnd(nullptr, [f](void*) { f(); });
  }

  Promise<> produce(Channel<int>* channel, int from, int to) {
    for (int i = from; i <= to; ++i) {
      co_await channel->send(i);
      log.add(absl::StrCat("s", i));
    }
  }
  // To the end, a second for each.
  Promise<> consume(Channel<int>* channel, std::string name) {
    while (std::optional<int> item = co_await channel->next()) {
      log.add(absl::StrCat(name, *item));
      co_await sleep(absl::Seconds(1));
    }
    log.add(name + "-end");
  }
  Promise<> receive_one(Channel<int>* channel, std::string name) {
    const int item = co_await channel->receive();
    log.add(absl::StrCat(name, item));
  }
};

using ChannelCloseTest = ChannelTest;
using ChannelCancelTest = ChannelTest;
using ChannelLifetimeTest = ChannelTest;

TEST_F(ChannelTest, GivesItemsInTheOrderOfSending) {
  Channel<int> channel(10);
  for (int i = 1; i <= 3; ++i) channel.send(i);
  for (int i = 1; i <= 3; ++i) receive_one(&channel, "r");
  run();
  EXPECT_EQ(log.str(), "r1 r2 r3");
}

TEST_F(ChannelTest, WhoWaitsLongestReceivesFirst) {
  Channel<int> channel(10);
  receive_one(&channel, "a");
  receive_one(&channel, "b");
  channel.send(1);
  channel.send(2);
  run();
  EXPECT_EQ(log.str(), "a1 b2");
}

TEST_F(ChannelTest, HoldsTheSenderBackWhenItIsFull) {
  Channel<int> channel(2);
  produce(&channel, 1, 4);
  run();
  EXPECT_EQ(log.str(), "s1 s2");
  EXPECT_EQ(channel.size(), 2u);
  EXPECT_EQ(channel.try_receive(), 1);
  run();
  EXPECT_EQ(log.str(), "s1 s2 s3");
  EXPECT_EQ(channel.size(), 2u);
}

TEST_F(ChannelTest, OfNoCapacityFulfillsASendWhenItIsReceived) {
  Channel<int> channel(0);
  produce(&channel, 1, 2);
  run();
  EXPECT_EQ(log.str(), "");
  receive_one(&channel, "r");
  run();
  EXPECT_EQ(log.str(), "s1 r1");
  receive_one(&channel, "r");
  run();
  EXPECT_EQ(log.str(), "s1 r1 s2 r2");
}

TEST_F(ChannelTest, OfNoCapacityHandsOverToWhoWaits) {
  Channel<int> channel(0);
  receive_one(&channel, "r");
  EXPECT_TRUE(channel.send(1).is_fulfilled());
  run();
  EXPECT_EQ(log.str(), "r1");
}

TEST_F(ChannelTest, SendersWaitInTheirOrder) {
  Channel<int> channel(1);
  for (int i = 1; i <= 4; ++i) channel.send(i).then(log.note(absl::StrCat("s", i)));
  for (int i = 1; i <= 4; ++i) receive_one(&channel, "r");
  run();
  EXPECT_EQ(log.str(), "s1 s2 r1 s3 r2 s4 r3 r4");
}

TEST_F(ChannelTest, ConnectsProducersAndConsumers) {
  Channel<int> channel(2);
  TaskGroup producers;
  producers.spawn(&ChannelTest::produce, this, &channel, 1, 3);
  producers.spawn(&ChannelTest::produce, this, &channel, 11, 13);
  producers.join().then([&channel] { channel.close(); });
  int sum = 0, count = 0;
  const auto add = [](Channel<int>& from, int& total, int& items) -> Promise<> {
    while (std::optional<int> item = co_await from.next()) total += *item, ++items;
  };
  add(channel, sum, count);
  add(channel, sum, count);
  run();
  EXPECT_EQ(count, 6);
  EXPECT_EQ(sum, 1 + 2 + 3 + 11 + 12 + 13);
}

TEST_F(ChannelTest, TriesToSendAndToReceive) {
  Channel<int> channel(1);
  EXPECT_EQ(channel.try_receive(), std::nullopt);
  EXPECT_TRUE(channel.try_send(1));
  EXPECT_FALSE(channel.try_send(2));
  EXPECT_EQ(channel.try_receive(), 1);
}

TEST_F(ChannelTest, AnItemThatCouldNotBeSentStays) {
  Channel<std::unique_ptr<int>> channel(0);
  auto item = std::make_unique<int>(5);
  EXPECT_FALSE(channel.try_send(std::move(item)));
  EXPECT_NE(item, nullptr);
}

TEST_F(ChannelTest, CarriesWhatCannotBeCopied) {
  Channel<std::unique_ptr<int>> channel(1);
  channel.send(std::make_unique<int>(5));
  channel.receive().then([this](std::unique_ptr<int> item) { log.add(*item); });
  run();
  EXPECT_EQ(log.str(), "5");
}

TEST_F(ChannelTest, NeitherCopiesNorLosesItems) {
  ProbeCounts counts;
  {
    Channel<Probe> channel(1);
    for (int i = 0; i < 3; ++i) channel.send(Probe(counts)).catch_([](absl::Status) {});
    channel.receive().then([](Probe) {});
    run();
  }
  EXPECT_EQ(counts.copies, 0);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(ChannelTest, CarriesAMillionItems) {
  constexpr int kMany = 1'000'000;
  Channel<int> channel(100);
  const auto send = [](Channel<int>& to) -> Promise<> {
    for (int i = 0; i < kMany; ++i) co_await to.send(1);
    to.close();
  };
  int sum = 0;
  const auto add = [](Channel<int>& from, int& total) -> Promise<> {
    while (std::optional<int> item = co_await from.next()) total += *item;
  };
  send(channel);
  add(channel, sum);
  run();
  EXPECT_EQ(sum, kMany);
}

TEST_F(ChannelTest, AMillionWaitAtEitherEnd) {
  constexpr int kMany = 1'000'000;
  Channel<int> channel(0);
  int received = 0;
  for (int i = 0; i < kMany; ++i) channel.receive().then([&received](int) { ++received; });
  for (int i = 0; i < kMany; ++i) channel.send(i);
  int sent = 0;
  for (int i = 0; i < kMany; ++i) channel.send(i).then([&sent] { ++sent; });
  for (int i = 0; i < kMany; ++i) channel.receive();
  run();
  EXPECT_EQ(received, kMany);
  EXPECT_EQ(sent, kMany);
}

// ---- Closing ----

TEST_F(ChannelCloseTest, WhatIsInTheBufferCanStillBeReceived) {
  Channel<int> channel(2);
  channel.send(1);
  channel.send(2);
  channel.close();
  consume(&channel, "r");
  run();
  EXPECT_EQ(log.str(), "r1 r2 r-end");
}

TEST_F(ChannelCloseTest, WhoWaitsToReceiveHearsOfTheEnd) {
  Channel<int> channel(2);
  consume(&channel, "r");
  run();
  channel.close();
  run();
  EXPECT_EQ(log.str(), "r-end");
}

TEST_F(ChannelCloseTest, ReceiveIsRejectedAtTheEnd) {
  Channel<int> channel(2);
  const Promise<int> before = channel.receive();
  channel.close();
  const Promise<int> after = channel.receive();
  EXPECT_EQ(before.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(after.status(), absl::OutOfRangeError("the channel is closed, and empty"));
}

TEST_F(ChannelCloseTest, NothingIsSentAfterwards) {
  Channel<int> channel(2);
  channel.close();
  EXPECT_TRUE(channel.is_closed());
  EXPECT_EQ(channel.send(1).status(), absl::FailedPreconditionError("the channel is closed"));
  EXPECT_FALSE(channel.try_send(1));
}

TEST_F(ChannelCloseTest, WhoWaitsToSendIsRejected) {
  Channel<int> channel(1);
  channel.send(1);
  const Promise<> waiting = channel.send(2);
  channel.close();
  EXPECT_EQ(waiting.status(), absl::FailedPreconditionError("the channel is closed"));
  EXPECT_EQ(channel.try_receive(), 1);
  EXPECT_EQ(channel.try_receive(), std::nullopt);
}

TEST_F(ChannelCloseTest, WhatWasNotSentMayCancelItsOwnSend) {
  Channel<AtEnd> channel(0);
  std::optional<Promise<>> sender;
  bool cancelled = true;
  sender = channel.send(at_end([&] { cancelled = sender->cancel(); }));
  channel.close();
  EXPECT_FALSE(cancelled);
  EXPECT_EQ(sender->status(), absl::FailedPreconditionError("the channel is closed"));
}

TEST_F(ChannelCloseTest, WhatWasNotSentMayReceive) {
  Channel<AtEnd> channel(0);
  bool received = true;
  const Promise<> sender = channel.send(at_end([&] { received = channel.try_receive().has_value(); }));
  channel.close();
  EXPECT_FALSE(received);
  EXPECT_EQ(sender.status(), absl::FailedPreconditionError("the channel is closed"));
}

TEST_F(ChannelCloseTest, Twice) {
  Channel<int> channel(1);
  channel.close();
  channel.close();
  EXPECT_TRUE(channel.is_closed());
}

// ---- Cancelling ----

TEST_F(ChannelCancelTest, WhoIsCancelledLeavesTheQueue) {
  Channel<int> channel(1);
  Promise<> first = receive_one(&channel, "a");
  receive_one(&channel, "b");
  first.cancel();
  channel.send(1);
  run();
  EXPECT_EQ(log.str(), "b1");
}

TEST_F(ChannelCancelTest, AnItemThatWasNotSeenGoesToTheNextWhoWaits) {
  Channel<int> channel(1);
  Promise<> first = receive_one(&channel, "a");
  receive_one(&channel, "b");
  channel.send(1);  // For the first ...
  first.cancel();   // ... who has not been resumed yet.
  channel.send(2);
  run();
  EXPECT_EQ(log.str(), "b1");
  EXPECT_EQ(channel.try_receive(), 2);
}

TEST_F(ChannelCancelTest, AnItemThatWasNotSeenGoesBackToTheFront) {
  Channel<int> channel(3);
  channel.send(1);
  channel.send(2);
  Promise<> first = receive_one(&channel, "a");
  first.cancel();
  EXPECT_EQ(channel.size(), 2u);
  receive_one(&channel, "b");
  receive_one(&channel, "b");
  run();
  EXPECT_EQ(log.str(), "b1 b2");
}

TEST_F(ChannelCancelTest, ItemsComeBackToTheirOrderWhoeverIsCancelledFirst) {
  Channel<int> channel(4);
  std::vector<Promise<>> receivers;
  for (int i = 1; i <= 4; ++i) channel.send(i);
  for (int i = 1; i <= 3; ++i) receivers.push_back(channel.receive().then([](int) {}));
  for (int i : {1, 2, 0}) receivers[i].cancel();
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(channel.try_receive(), i);
}

TEST_F(ChannelCancelTest, ItemsOfOneCancelComeBackToTheirOrder) {
  Channel<int> channel(4);
  std::vector<Promise<int>> receivers;
  for (int i = 1; i <= 4; ++i) channel.send(i);
  for (int i = 1; i <= 3; ++i) receivers.push_back(channel.receive());
  when_all(std::move(receivers)).cancel();
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(channel.try_receive(), i);
}

TEST_F(ChannelCancelTest, AnItemThatCameBackTakesTheRoomOfOneThatWaits) {
  Channel<int> channel(1);
  channel.send(1);
  channel.send(2);
  channel.receive().then([](int) {}).cancel();
  const Promise<> third = channel.send(3);
  EXPECT_EQ(channel.size(), 2u);
  EXPECT_EQ(channel.try_receive(), 1);
  EXPECT_TRUE(third.is_pending());
  EXPECT_EQ(channel.try_receive(), 2);
  EXPECT_TRUE(third.is_fulfilled());
}

TEST_F(ChannelCancelTest, OfNoCapacityTakesNothingInAdvanceWhenAnItemHasComeBack) {
  Channel<int> channel(0);
  channel.send(1);
  channel.receive().then([](int) {}).cancel();
  const Promise<> second = channel.send(2);
  EXPECT_EQ(channel.try_receive(), 1);
  EXPECT_TRUE(second.is_pending());
}

TEST_F(ChannelCancelTest, AnItemOfNextThatWasNotSeenGoesBack) {
  Channel<int> channel(3);
  channel.send(1);
  Promise<> first = consume(&channel, "a");
  first.cancel();
  run();
  EXPECT_EQ(log.str(), "");
  EXPECT_EQ(channel.try_receive(), 1);
}

TEST_F(ChannelCancelTest, AnItemThatWasSeenDoesNotComeBack) {
  Channel<int> channel(3);
  channel.send(1);
  Promise<> first = consume(&channel, "a");
  poll();
  EXPECT_EQ(log.str(), "a1");
  first.cancel();
  EXPECT_EQ(channel.size(), 0u);
}

TEST_F(ChannelCancelTest, ALostRaceLosesNoItem) {
  Channel<int> left(1), right(1);
  left.send(1);
  right.send(2);
  std::vector<Promise<int>> both;
  both.push_back(left.receive());
  both.push_back(right.receive());
  const Promise<int> first = race(std::move(both));
  run();
  EXPECT_EQ(first.value(), 1);
  EXPECT_EQ(left.size(), 0u);
  EXPECT_EQ(right.try_receive(), 2);
}

TEST_F(ChannelCancelTest, ATimeoutLosesNoItem) {
  Channel<int> channel(1);
  const Promise<int> late = with_timeout(channel.receive(), absl::Seconds(1));
  run();
  EXPECT_EQ(late.status().code(), absl::StatusCode::kDeadlineExceeded);
  channel.send(1);
  EXPECT_EQ(channel.try_receive(), 1);
}

TEST_F(ChannelCancelTest, ItemsThatNobodyAsksAsCompletedForGoBack) {
  Channel<int> channel(1);
  channel.send(1);
  {
    std::vector<Promise<int>> receivers;
    receivers.push_back(channel.receive());
    AsCompleted<int> completed = as_completed(std::move(receivers));
    run();
  }
  EXPECT_EQ(channel.try_receive(), 1);
}

TEST_F(ChannelCancelTest, ACancelledSendHasSentNothing) {
  Channel<int> channel(1);
  channel.send(1);
  Promise<> second = channel.send(2);
  channel.send(3);
  second.cancel();
  EXPECT_EQ(channel.try_receive(), 1);
  EXPECT_EQ(channel.try_receive(), 3);
  EXPECT_EQ(channel.try_receive(), std::nullopt);
}

TEST_F(ChannelCancelTest, WhatComesBackAfterTheEndIsGone) {
  ProbeCounts counts;
  std::optional<Channel<Probe>> channel(std::in_place, 1);
  channel->send(Probe(counts));
  Promise<> receiver = channel->receive().then([](Probe) {});
  channel.reset();
  receiver.cancel();
  EXPECT_EQ(counts.live, 0);
}

// ---- Lifetime ----

TEST_F(ChannelLifetimeTest, WhoWaitsIsRejectedWhenItGoes) {
  std::optional<Channel<int>> channel(std::in_place, 0);
  const Promise<int> receiver = channel->receive();
  const Promise<std::optional<int>> next = channel->next();
  channel.reset();
  EXPECT_EQ(receiver.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(receiver.status().message(), HasSubstr("the Channel made at"));
  EXPECT_EQ(next.status().code(), absl::StatusCode::kAborted);
}

TEST_F(ChannelLifetimeTest, WhoWaitsToSendIsRejectedWhenItGoes) {
  std::optional<Channel<int>> channel(std::in_place, 0);
  const Promise<> sender = channel->send(1);
  channel.reset();
  EXPECT_EQ(sender.status().code(), absl::StatusCode::kAborted);
}

TEST_F(ChannelLifetimeTest, DestroysWhatIsInTheBuffer) {
  ProbeCounts counts;
  {
    Channel<Probe> channel(1);
    channel.send(Probe(counts));
    channel.send(Probe(counts)).catch_([](absl::Status) {});
  }
  EXPECT_EQ(counts.live, 0);
}

TEST_F(ChannelLifetimeTest, TheLoopClosesFirst) {
  Channel<int> channel(0);
  consume(&channel, "r");
  const Promise<> waiting = consume(&channel, "r");
  loop.close();
  channel.close();
  EXPECT_EQ(log.str(), "");
  EXPECT_EQ(waiting.status().code(), absl::StatusCode::kAborted);
}

// What somebody has seen does not come again, whatever becomes of the promise it came by.

TEST_F(ChannelTest, AnItemThatAnObserverHasSeenIsNotPutBack) {
  Channel<int> channel(1);
  Promise<int> received = channel.receive();
  received.then(log.note("seen"));
  EXPECT_TRUE(channel.try_send(1));
  run();
  when_all(std::move(received), reject<int>(absl::NotFoundError("e"))).catch_([] { return std::tuple(0, 0); });
  run();
  EXPECT_EQ(log.str(), "seen");
  EXPECT_EQ(channel.size(), 0u);
}

TEST_F(ChannelTest, AnItemOfWhichSomebodyHasTakenACopyIsNotPutBack) {
  Channel<int> channel(1);
  Promise<int> received = channel.receive();
  Promise<int> copy = received;
  std::move(copy).then([&](int item) { log.add(item); });
  EXPECT_TRUE(channel.try_send(1));
  run();
  when_all(std::move(received), reject<int>(absl::NotFoundError("e"))).catch_([] { return std::tuple(0, 0); });
  run();
  EXPECT_EQ(log.str(), "1");
  EXPECT_EQ(channel.size(), 0u);
}

TEST_F(ChannelTest, AnItemWhoseValueWasAskedForIsNotPutBack) {
  Channel<int> channel(1);
  Promise<int> received = channel.receive();
  EXPECT_TRUE(channel.try_send(1));
  EXPECT_EQ(received.value(), 1);
  when_all(std::move(received), reject<int>(absl::NotFoundError("e"))).catch_([] { return std::tuple(0, 0); });
  run();
  EXPECT_EQ(channel.size(), 0u);
}

}  // namespace
}  // namespace vow
