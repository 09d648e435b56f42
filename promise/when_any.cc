#include "promise/when_any.h"

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace vow {
namespace {

// The errors travel as a payload: for each its code, its message, and its own payloads as pairs of URL and content, all
// with their lengths before them.
constexpr absl::string_view kErrorsUrl = "vow/when_any_errors";

void write_number(std::uint64_t number, std::string& out) {
  char bytes[sizeof(number)];
  std::memcpy(bytes, &number, sizeof(number));
  out.append(bytes, sizeof(bytes));
}

void write_text(absl::string_view text, std::string& out) {
  write_number(text.size(), out);
  out.append(text.data(), text.size());
}

void write_status(const absl::Status& status, std::string& out) {
  write_number(static_cast<std::uint64_t>(status.raw_code()), out);
  write_text(status.message(), out);
  std::uint64_t payloads = 0;
  status.ForEachPayload([&](absl::string_view, const absl::Cord&) { ++payloads; });
  write_number(payloads, out);
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& content) {
    write_text(url, out);
    write_text(std::string(content), out);
  });
}

// Whoever tampers with the payload gets fewer errors, and no harm.
class Reader {
 public:
  explicit Reader(absl::string_view in) : in_(in) {}

  bool at_end() const { return in_.empty(); }

  std::optional<std::uint64_t> number() {
    std::uint64_t number;
    if (in_.size() < sizeof(number)) return std::nullopt;
    std::memcpy(&number, in_.data(), sizeof(number));
    in_.remove_prefix(sizeof(number));
    return number;
  }

  std::optional<absl::string_view> text() {
    const std::optional<std::uint64_t> size = number();
    if (!size || *size > in_.size()) return std::nullopt;
    const absl::string_view text = in_.substr(0, *size);
    in_.remove_prefix(*size);
    return text;
  }

  std::optional<absl::Status> status() {
    const std::optional<std::uint64_t> code = number();
    const std::optional<absl::string_view> message = text();
    const std::optional<std::uint64_t> payloads = number();
    if (!code || !message || !payloads) return std::nullopt;
    absl::Status status(static_cast<absl::StatusCode>(*code), *message);
    for (std::uint64_t i = 0; i < *payloads; ++i) {
      const std::optional<absl::string_view> url = text();
      const std::optional<absl::string_view> content = text();
      if (!url || !content) return std::nullopt;
      status.SetPayload(*url, absl::Cord(*content));
    }
    return status;
  }

 private:
  absl::string_view in_;
};

}  // namespace

std::vector<absl::Status> when_any_errors(const absl::Status& error) {
  std::vector<absl::Status> errors;
  const absl::optional<absl::Cord> payload = error.GetPayload(kErrorsUrl);
  if (!payload) return errors;
  const std::string bytes(*payload);
  Reader reader(bytes);
  while (!reader.at_end()) {
    std::optional<absl::Status> status = reader.status();
    if (!status) break;
    errors.push_back(*std::move(status));
  }
  return errors;
}

absl::Status promise_internal::all_rejected(const std::vector<absl::Status>& errors) {
  absl::StatusCode code = errors.front().code();
  std::string message = "all promises were rejected";
  std::string bytes;
  for (const absl::Status& error : errors) {
    if (error.code() != code) code = absl::StatusCode::kUnknown;
    absl::StrAppend(&message, &error == &errors.front() ? ": " : "; ", absl::StatusCodeToString(error.code()), ": ",
                    error.message());
    write_status(error, bytes);
  }
  absl::Status all(code, message);
  all.SetPayload(kErrorsUrl, absl::Cord(bytes));
  return all;
}

}  // namespace vow
