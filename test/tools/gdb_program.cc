// A promise of each kind, for gdb_test.sh. The comments say what gdb has to print of which variable; HERE is the file
// and the line of the comment.

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "loop/event_loop.h"
#include "loop/source_location.h"
#include "promise/promise.h"

namespace {

struct Point {
  double x;
  double y;
};

// gdb stops here, and looks at the caller.
[[gnu::noinline]] void all_are_made() { asm volatile(""); }

}  // namespace

int main() {
  vow::EventLoop loop;
  [[maybe_unused]] const vow::SourceLocation here = vow::SourceLocation::current();  // here: HERE

  vow::Promise<int> number = 42;                                             // number: fulfilled 42
  vow::Promise<double> fraction = 0.5;                                       // fraction: fulfilled 0.5
  vow::Promise<std::string> text = std::string("longer than eight");         // text: fulfilled "longer than eight"
  vow::Promise<Point> point = Point{1, 2};                                   // point: fulfilled {x = 1, y = 2}
  vow::Promise<> nothing = vow::resolve();                                   // nothing: fulfilled
  const vow::Promise<int> fixed = number;                                    // fixed: fulfilled 42
  vow::Promise<vow::SourceLocation> place = vow::SourceLocation::current();  // place: fulfilled HERE

  vow::Promise<int> user = absl::NotFoundError("no such user");  // user: rejected NOT_FOUND: no such user
  vow::Promise<> wordless = absl::UnknownError("");              // wordless: rejected UNKNOWN
  vow::Deferred<std::string> slow;
  vow::Promise<std::string> lost = slow.promise();  // lost: rejected CANCELLED: too late
  lost.cancel("too late");

  vow::Deferred<int> answer;  // answer: pending, 2 reactions, made at HERE
  vow::Promise<int> asked = answer.promise();
  vow::Promise<> shown = asked.then([] {});                          // shown: pending, no reactions, made at HERE
  vow::Promise<int> next = asked.then([](int x) { return x + 1; });  // next: pending, 1 reaction, made at HERE
  vow::Promise<std::string> last = next.then([] { return std::string(); });

  vow::Deferred<> gone;                    // gone: moved from
  vow::Deferred<> done = std::move(gone);  // done: fulfilled
  done.resolve();
  vow::Promise<Point> away = point;             // away: moved from
  vow::Promise<Point> taken = std::move(away);  // taken: fulfilled {x = 1, y = 2}

  all_are_made();
}
