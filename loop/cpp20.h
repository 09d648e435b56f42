// One clear error, before any other, for whoever compiles with another language version than vow is written in.

#ifndef VOW_LOOP_CPP20_H_
#define VOW_LOOP_CPP20_H_

#if __cplusplus < 202002L
#error "vow needs C++20: put `build --cxxopt=-std=c++20 --host_cxxopt=-std=c++20` into your workspace's .bazelrc"
#endif

#endif  // VOW_LOOP_CPP20_H_
