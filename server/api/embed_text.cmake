# cmake -DIN=file -DOUT=file.cpp -DNAME=function -DHEADER=header.hpp -P embed_text.cmake
# Writes a function of namespace ledger::server that gives the bytes of IN. Numbers, since compilers bound the length
# of string literals.
file(READ ${IN} HEX_TEXT HEX)
string(LENGTH "${HEX_TEXT}" HEX_LENGTH)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," BYTES "${HEX_TEXT}")
math(EXPR SIZE "${HEX_LENGTH} / 2")
string(REGEX REPLACE "(................................................................................)" "\\1\n" BYTES
                     "${BYTES}")
file(WRITE ${OUT} "#include \"${HEADER}\"

namespace ledger::server {
namespace {

constexpr unsigned char kBytes[] = {
${BYTES}};

}  // namespace

std::string_view ${NAME}() { return {reinterpret_cast<const char*>(kBytes), ${SIZE}}; }

}  // namespace ledger::server
")
