/* The same with libuv. */

#include <stdlib.h>
#include <uv.h>

typedef struct {
  uv_write_t request;
  uv_buf_t buffer;
} Write;

static void allocate(uv_handle_t* handle, size_t suggested, uv_buf_t* buffer) {
  (void)handle;
  (void)suggested;
  buffer->base = malloc(4096);
  buffer->len = 4096;
}

static void written(uv_write_t* request, int status) {
  Write* const write = (Write*)request;
  (void)status;
  free(write->buffer.base);
  free(write);
}

static void closed(uv_handle_t* handle) { free(handle); }

static void came(uv_stream_t* stream, ssize_t bytes, const uv_buf_t* buffer) {
  if (bytes > 0) {
    Write* const write = malloc(sizeof(Write));
    write->buffer = uv_buf_init(buffer->base, (unsigned)bytes);
    uv_write(&write->request, stream, &write->buffer, 1, written);
    return;
  }
  free(buffer->base);
  if (bytes < 0) uv_close((uv_handle_t*)stream, closed);
}

static void connected(uv_stream_t* listener, int status) {
  uv_tcp_t* const stream = malloc(sizeof(uv_tcp_t));
  (void)status;
  uv_tcp_init(listener->loop, stream);
  uv_accept(listener, (uv_stream_t*)stream);
  uv_tcp_nodelay(stream, 1);
  uv_read_start((uv_stream_t*)stream, allocate, came);
}

int main(int argc, char** argv) {
  uv_tcp_t listener;
  struct sockaddr_in address;
  (void)argc;
  uv_tcp_init(uv_default_loop(), &listener);
  uv_ip4_addr("127.0.0.1", atoi(argv[1]), &address);
  uv_tcp_bind(&listener, (const struct sockaddr*)&address, 0);
  if (uv_listen((uv_stream_t*)&listener, 128, connected) != 0) return 1;
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
