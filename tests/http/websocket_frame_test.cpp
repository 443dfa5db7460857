// The frames of RFC 6455, without sockets.
#include "server/http/websocket_frame.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/http/websocket_frames.hpp"

using namespace ledger::http;
using namespace ledger::http::test;
using namespace std::string_literals;
using Kind = FrameParser::Event::Kind;

namespace {

// All that a parser says of these bytes when so many arrive at a time.
std::vector<std::string> read_all(std::string_view bytes, std::size_t step) {
  std::vector<std::string> seen;
  FrameParser parser;
  for (std::size_t at = 0; at < bytes.size();) {
    std::size_t used = 0;
    const FrameParser::Event event = parser.parse(bytes.substr(at, step), used);
    at += used;
    switch (event.kind) {
      case Kind::none: break;
      case Kind::ping: seen.push_back("ping " + std::string(event.payload)); break;
      case Kind::pong: seen.push_back("pong " + std::string(event.payload)); break;
      case Kind::close:
        seen.push_back("close " + std::to_string(event.code) + " " + std::string(event.reason));
        return seen;
      case Kind::refused: seen.push_back("refused " + std::to_string(event.code)); return seen;
    }
  }
  return seen;
}

std::vector<std::string> read_all(std::string_view bytes) {
  const auto whole = read_all(bytes, bytes.size());
  for (const std::size_t step : {1, 2, 3, 5, 7}) CHECK(read_all(bytes, step) == whole);
  return whole;
}

using Seen = std::vector<std::string>;

}  // namespace

TEST_CASE("the examples of RFC 6455 section 5.7 are written and read") {
  std::string out;
  append_text_frame(out, "Hello");
  CHECK(out == "\x81\x05Hello");
  CHECK(read_all("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58") == Seen{"pong Hello"});
  CHECK(read_all("\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58") == Seen{"ping Hello"});
  CHECK(read_all("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58") == Seen{"refused 1008"});
  CHECK(read_all("\x81\x05Hello") == Seen{"refused 1002"});
  CHECK(read_all("\x89\x05Hello") == Seen{"refused 1002"});
  CHECK(read_all("\x01\x03Hel") == Seen{"refused 1002"});
  out.clear();
  append_frame(out, Opcode::binary, std::string(256, 'b'));
  CHECK(out == "\x82\x7e\x01\x00"s + std::string(256, 'b'));
  out.clear();
  append_frame(out, Opcode::binary, std::string(65536, 'b'));
  CHECK(out.substr(0, 10) == "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"s);
  CHECK(out.size() == 65536 + 10);
}

TEST_CASE("a frame's length is written in its shortest form") {
  std::array<char, 10> header;
  CHECK(write_frame_header(Opcode::text, 0, header) == 2);
  CHECK(write_frame_header(Opcode::text, 125, header) == 2);
  CHECK(write_frame_header(Opcode::text, 126, header) == 4);
  CHECK(write_frame_header(Opcode::text, 65535, header) == 4);
  CHECK(write_frame_header(Opcode::text, 65536, header) == 10);
}

TEST_CASE("a message shares its text, and frames made before go as they are") {
  const auto text = std::make_shared<const std::string>(200, 't');
  const Message message = Message::shared(text);
  CHECK(message.payload().data() == text->data());
  CHECK(message.header() == "\x81\x7e\x00\xc8"s);
  CHECK(Message(message).payload().data() == text->data());
  std::string run;
  append_text_frame(run, "a");
  append_text_frame(run, "b");
  const Message frames = Message::frames(std::make_shared<const std::string>(run));
  CHECK(frames.header().empty());
  CHECK(frames.payload() ==
        "\x81\x01"
        "a\x81\x01"
        "b");
  CHECK(Message::text("").header() == "\x81\x00"s);
  CHECK(Message::shared(nullptr).header() == "\x81\x00"s);
  CHECK(Message::frames(nullptr).payload().empty());
}

TEST_CASE("control frames are read one after another, however they are cut") {
  const std::string full(kControlPayloadMax, 'x');
  CHECK(read_all(masked(kPing, "") + masked(kPing, full) + masked(kPong, "p") + masked(kClose, "")) ==
        Seen{"ping ", "ping " + full, "pong p", "close 1005 "});
  CHECK(read_all(masked(kClose, close_payload(1000, "再见")) + "rest") == Seen{"close 1000 再见"});
}

TEST_CASE("what a client may not send is refused with its code") {
  struct Case {
    const char* what;
    std::string bytes;
    std::string expected;
  };
  const std::vector<Case> cases{
      {"a text message", masked(kText, "hi"), "refused 1008"},
      {"an empty text message", masked(kText, ""), "refused 1008"},
      {"the start of a fragmented text", masked(0x01, "hi"), "refused 1008"},
      {"a binary message", masked(kBinary, "hi"), "refused 1003"},
      {"a message of 4096 bytes", masked(kText, std::string(4096, 'x')), "refused 1008"},
      {"a message above", masked(kText, std::string(4097, 'x')), "refused 1009"},
      {"a large binary message", masked(kBinary, std::string(70000, 'x')), "refused 1009"},
      {"a control frame of 126 bytes", masked(kPing, std::string(126, 'x')), "refused 1009"},
      {"a continuation of nothing", masked(0x80, "hi"), "refused 1002"},
      {"a fragmented ping", masked(0x09, "hi"), "refused 1002"},
      {"reserved bit 1, as compressed messages have", masked(0xc1, "hi"), "refused 1002"},
      {"reserved bit 2", masked(0xa9, "hi"), "refused 1002"},
      {"reserved bit 3", masked(0x99, "hi"), "refused 1002"},
      {"a reserved data opcode", masked(0x83, "hi"), "refused 1002"},
      {"a reserved control opcode", masked(0x8b, "hi"), "refused 1002"},
      {"a 16-bit length below 126", "\x81\xfe\x00\x7d"s, "refused 1002"},
      {"a 64-bit length below 65536", "\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff"s, "refused 1002"},
      {"a length with its top bit", "\x81\xff\x80\x00\x00\x00\x00\x01\x00\x00"s, "refused 1002"},
      {"a close of one byte", masked(kClose, "x"), "refused 1002"},
      {"close code 999", masked(kClose, close_payload(999)), "refused 1002"},
      {"close code 1004", masked(kClose, close_payload(1004)), "refused 1002"},
      {"close code 1005", masked(kClose, close_payload(1005)), "refused 1002"},
      {"close code 1006", masked(kClose, close_payload(1006)), "refused 1002"},
      {"close code 1015", masked(kClose, close_payload(1015)), "refused 1002"},
      {"close code 2999", masked(kClose, close_payload(2999)), "refused 1002"},
      {"close code 5000", masked(kClose, close_payload(5000)), "refused 1002"},
      {"close code 3000", masked(kClose, close_payload(3000)), "close 3000 "},
      {"close code 4999", masked(kClose, close_payload(4999)), "close 4999 "},
      {"close code 1014", masked(kClose, close_payload(1014)), "close 1014 "},
      {"a reason that is no UTF-8", masked(kClose, close_payload(1000, "\xff")), "refused 1007"},
  };
  for (const auto& [what, bytes, expected] : cases) {
    INFO(what);
    CHECK(read_all(bytes) == Seen{expected});
  }
}

TEST_CASE("after a refusal every call says the same and takes nothing") {
  FrameParser parser;
  std::size_t used = 0;
  CHECK(parser.parse(masked(kText, "hi"), used).code == 1008);
  const auto again = parser.parse(masked(kPing, "hi"), used);
  CHECK(again.kind == Kind::refused);
  CHECK(again.code == 1008);
  CHECK(used == 0);
}

TEST_CASE("a close frame carries a code and a reason that fits") {
  std::string out;
  append_close_frame(out, 4001, "why");
  CHECK(out == "\x88\x05\x0f\xa1why"s);
  out.clear();
  append_close_frame(out, 1005, "why");
  CHECK(out == "\x88\x00"s);
  out.clear();
  append_close_frame(out, 1000, std::string(124, 'r'));
  CHECK(out == "\x88\x02\x03\xe8"s);
}
