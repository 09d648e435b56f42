#ifndef VOW_TEST_SUPPORT_FILLED_H_
#define VOW_TEST_SUPPORT_FILLED_H_

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace vow {

// Memory, somebody else's, that knows what was written into it.
class Filled {
 public:
  Filled(void* memory, std::size_t bytes, unsigned char content)
      : memory_(static_cast<unsigned char*>(memory)), bytes_(bytes), content_(content) {
    std::memset(memory_, content, bytes);
  }
  void* memory() const { return memory_; }
  std::size_t bytes() const { return bytes_; }
  bool is_intact() const {
    return std::all_of(memory_, memory_ + bytes_, [this](unsigned char byte) { return byte == content_; });
  }

 private:
  unsigned char* memory_;
  std::size_t bytes_;
  unsigned char content_;
};

}  // namespace vow

#endif  // VOW_TEST_SUPPORT_FILLED_H_
