// What ran, in which order: a line of words, to be compared once.
//
//   Log log;
//   promise.then(log.note("then"));
//   promise.then([&](int x) { log.add(x); });
//   ...
//   EXPECT_EQ(log.str(), "then 5");

#ifndef VOW_TEST_SUPPORT_LOG_H_
#define VOW_TEST_SUPPORT_LOG_H_

#include <string>
#include <utility>

namespace vow {

class Log {
 public:
  Log() = default;
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void add(const std::string& word) {
    if (!words_.empty()) words_ += ' ';
    words_ += word;
  }
  void add(int number) { add(std::to_string(number)); }

  const std::string& str() const { return words_; }

  // A callback that adds the word.
  auto note(std::string word) {
    return [this, word = std::move(word)] { add(word); };
  }

  // To be captured: adds the word when it is destroyed, as often as that happens.
  class AtEnd {
   public:
    AtEnd(Log& log, std::string word) : log_(&log), word_(std::move(word)) {}
    AtEnd(AtEnd&& other) noexcept : log_(std::exchange(other.log_, nullptr)), word_(std::move(other.word_)) {}
    AtEnd& operator=(AtEnd&&) = delete;
    ~AtEnd() {
      if (log_ != nullptr) log_->add(word_);
    }

   private:
    Log* log_;
    std::string word_;
  };
  AtEnd at_end(std::string word) { return AtEnd(*this, std::move(word)); }

 private:
  std::string words_;
};

}  // namespace vow

#endif  // VOW_TEST_SUPPORT_LOG_H_
