# One interface target carries what every target of the house is built with.
add_library(ledger_flags INTERFACE)
add_library(ledger::flags ALIAS ledger_flags)
target_compile_features(ledger_flags INTERFACE cxx_std_23)
target_include_directories(ledger_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(ledger_flags INTERFACE -Wall -Wextra -Wpedantic -Werror -Werror=unused-result)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false positives of these inside libstdc++ and Boost once it optimises.
  target_compile_options(ledger_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict -Wno-array-bounds
                                                -Wno-stringop-overflow -Wno-stringop-overread -Wno-dangling-pointer)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_link_options(ledger_flags INTERFACE -fuse-ld=lld)
endif()
if(LEDGER_SANITIZE)
  target_compile_options(ledger_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all
                                                -fno-omit-frame-pointer)
  target_link_options(ledger_flags INTERFACE -fsanitize=address,undefined)
  if(LEDGER_FUZZ)
    # The libraries report their coverage too, or the fuzzers would search blindly.
    target_compile_options(ledger_flags INTERFACE -fsanitize=fuzzer-no-link)
  endif()
endif()
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
