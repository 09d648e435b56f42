#include "test/ecmascript/place.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "test/ecmascript/program.h"

namespace vow::ecmascript {
namespace {

#ifdef __cpp_lib_source_location
// A std::source_location cannot be made up, but each instance of a template is a function of another name.
template <int kNumber>
SourceLocation place() {
  return SourceLocation::current();
}
std::string key(SourceLocation place) { return place.function_name(); }
#else
template <int kNumber>
SourceLocation place() {
  return SourceLocation::current(__FILE__, kNumber);
}
std::string key(SourceLocation place) { return to_string(place); }
#endif

template <int... kNumbers>
std::vector<SourceLocation> all_places(std::integer_sequence<int, kNumbers...>) {
  return {place<kNumbers>()...};
}

const std::vector<SourceLocation>& places() {
  static const auto& places = *new std::vector(all_places(std::make_integer_sequence<int, kMostNumbers>()));
  return places;
}

}  // namespace

SourceLocation place_of(int number) { return places()[number]; }

int number_of(SourceLocation place) {
  static const auto& numbers = *[] {
    auto* result = new std::map<std::string, int>();
    for (int i = 0; i < kMostNumbers; ++i) result->emplace(key(place_of(i)), i);
    return result;
  }();
  const auto found = numbers.find(key(place));
  return found == numbers.end() ? -1 : found->second;
}

}  // namespace vow::ecmascript
