#include "loop/fd_table.h"

#include <errno.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace vow::loop_internal {
namespace {

std::uint64_t key_of(int fd, std::uint32_t registration) {
  return std::uint64_t{registration} << 32 | static_cast<std::uint32_t>(fd);
}

absl::Status refused(int error, int fd, const char* call) {
  return absl::ErrnoToStatus(
      error, absl::StrCat(call, ": fd ", fd, error == EPERM ? " is of a kind that has no readiness" : ""));
}

}  // namespace

std::uint8_t FdTable::interest_in(const Entry& entry) {
  std::uint8_t interest = 0;
  for (const FdWatch* watch = entry.first; watch != nullptr; watch = watch->next) interest |= watch->interest;
  return interest;
}

absl::Status FdTable::add(FdWatch& watch, int fd, std::uint8_t interest, const char* call) {
  if (fd < 0) return absl::InvalidArgumentError(absl::StrCat(call, ": ", fd, " is not a file descriptor"));
  if (static_cast<std::size_t>(fd) >= entries_.size()) entries_.resize(fd + 1);
  Entry& entry = entries_[fd];
  const std::uint8_t others = interest_in(entry);
  FdWatch* outdated = nullptr;
  if (entry.first == nullptr) {
    if (const int error = tell_anew(fd, entry, interest)) return refused(error, fd, call);
  } else {
    // Also if the poller knows all of it: it might know of a file that has been closed.
    int error = tell(fd, entry, others | interest);
    if (error == ENOENT) {
      error = tell_anew(fd, entry, interest);
      if (error == 0) outdated = std::exchange(entry.first, nullptr);
    } else if (error == 0 && ((others | interest) & FdWatch::kEdge) != 0) {
      tell(fd, entry, others);
      return absl::FailedPreconditionError(absl::StrCat(call, ": fd ", fd, " is watched by somebody else"));
    }
    if (error != 0) return refused(error, fd, call);
  }
  watch.fd = fd;
  watch.interest = interest;
  watch.next = nullptr;
  FdWatch** link = &entry.first;
  while (*link != nullptr) link = &(*link)->next;
  *link = &watch;
  count(watch, 1);
  while (outdated != nullptr) {
    FdWatch& next = *std::exchange(outdated, outdated->next);
    count(next, -1);
    if (std::exchange(next.is_queued, false)) ready_.remove(next);
    next.fd = -1;
    next.drop();
  }
  return absl::OkStatus();
}

void FdTable::remove(FdWatch& watch) {
  if (watch.fd < 0) return;
  const int fd = watch.fd;
  Entry& entry = entries_[fd];
  unlink(entry, watch);
  // If this fails, the descriptor has been closed.
  if (const std::uint8_t interest = interest_in(entry); interest != entry.told) tell(fd, entry, interest);
}

void FdTable::unlink(Entry& entry, FdWatch& watch) {
  FdWatch** link = &entry.first;
  while (*link != &watch) link = &(*link)->next;
  *link = watch.next;
  if (std::exchange(watch.is_queued, false)) ready_.remove(watch);
  watch.fd = -1;
  count(watch, -1);
}

void FdTable::count(const FdWatch& watch, int change) {
  watches_ += change;
  if ((watch.interest & FdWatch::kEdge) == 0) holds_ += change;
}

FdWatch* FdTable::find(int fd, Kind kind) const {
  if (fd < 0 || static_cast<std::size_t>(fd) >= entries_.size()) return nullptr;
  FdWatch* watch = entries_[fd].first;
  while (watch != nullptr && watch->kind != kind) watch = watch->next;
  return watch;
}

int FdTable::tell(int fd, Entry& entry, std::uint8_t interest) {
  const std::uint8_t before = std::exchange(entry.told, interest);
  if (interest == 0) return poller_.forget(fd);
  const int error = poller_.change(fd, interest, key_of(fd, entry.registration));
  if (error != 0) entry.told = before;
  return error;
}

int FdTable::tell_anew(int fd, Entry& entry, std::uint8_t interest) {
  const std::uint64_t key = key_of(fd, entry.registration + 1);
  int error = poller_.add(fd, interest, key);
  if (error == EEXIST) error = poller_.change(fd, interest, key);
  if (error != 0) return error;
  ++entry.registration;
  entry.told = interest;
  return 0;
}

void FdTable::deliver(std::span<const FdEvent> events) {
  bool is_outdated = false;
  for (const FdEvent& event : events) {
    Entry* const entry = entry_of(static_cast<int>(event.key & 0xffffffff));
    if (entry == nullptr || entry->first == nullptr || entry->registration != event.key >> 32) {
      is_outdated = true;
      continue;
    }
    // Those who read come before those who write.
    for (const std::uint8_t turn : {FdWatch::kReadable, FdWatch::kWritable}) {
      for (FdWatch* watch = entry->first; watch != nullptr; watch = watch->next) {
        if ((event.ready & watch->interest & turn) != 0) queue(*watch, event.ready);
      }
    }
  }
  if (is_outdated) begin_anew();
}

void FdTable::queue(FdWatch& watch, std::uint8_t ready) {
  if (!std::exchange(watch.is_queued, true)) {
    watch.ready = 0;
    ready_.push(watch);
  }
  watch.ready |= ready & (watch.interest | FdWatch::kEnded);
}

FdWatch* FdTable::pop_ready() {
  auto* const watch = static_cast<FdWatch*>(ready_.pop());
  if (watch != nullptr) watch->is_queued = false;
  return watch;
}

void FdTable::begin_anew() {
  poller_.begin_anew();
  for (std::size_t fd = 0; fd < entries_.size(); ++fd) {
    if (Entry& entry = entries_[fd]; entry.first != nullptr) tell_anew(static_cast<int>(fd), entry, entry.told);
  }
}

FdWatch* FdTable::take_any() {
  if (watches_ == 0) return nullptr;
  while (true) {
    if (taken_ >= entries_.size()) taken_ = 0;
    Entry& entry = entries_[taken_];
    if (entry.first == nullptr) {
      ++taken_;
      continue;
    }
    FdWatch& watch = *entry.first;
    remove(watch);
    return &watch;
  }
}

}  // namespace vow::loop_internal
