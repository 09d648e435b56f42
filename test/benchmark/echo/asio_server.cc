// The same with Boost.Asio's coroutines.

// Boost 1.74 needs <utility>, and does not include it.
// clang-format off
#include <utility>
#include <boost/asio.hpp>
// clang-format on

#include <cstdlib>
#include <exception>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

asio::awaitable<void> echo(tcp::socket socket) {
  char memory[4096];
  try {
    while (true) {
      const std::size_t bytes = co_await socket.async_read_some(asio::buffer(memory), asio::use_awaitable);
      co_await asio::async_write(socket, asio::buffer(memory, bytes), asio::use_awaitable);
    }
  } catch (const std::exception&) {
  }
}

asio::awaitable<void> serve(unsigned short port) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::acceptor acceptor(executor, tcp::endpoint(asio::ip::address_v4::loopback(), port));
  while (true) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    socket.set_option(tcp::no_delay(true));
    asio::co_spawn(executor, echo(std::move(socket)), asio::detached);
  }
}

}  // namespace

int main(int, char** argv) {
  asio::io_context context(1);
  asio::co_spawn(context, serve(static_cast<unsigned short>(std::atoi(argv[1]))), asio::detached);
  context.run();
}
