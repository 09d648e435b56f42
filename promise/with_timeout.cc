#include "promise/with_timeout.h"

#include "absl/strings/str_cat.h"

namespace vow::promise_internal {

absl::Status timed_out(absl::Duration limit, SourceLocation where) {
  return error_with(absl::StatusCode::kDeadlineExceeded, [&] {
    return absl::StrCat("timed out after ", absl::FormatDuration(limit), ", at ", to_string(where));
  });
}

}  // namespace vow::promise_internal
