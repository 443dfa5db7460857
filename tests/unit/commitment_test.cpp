#include "events/crypto/commitment.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace ledger;
using namespace ledger::crypto;

namespace {

std::vector<std::uint8_t> unhex(std::string_view text) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::string hex_of(const std::vector<std::byte>& bytes) {
  return hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

SecretKey counting_key() {
  SecretKey key;
  for (std::size_t i = 0; i < SecretKey::kSize; ++i) key.octets()[i] = static_cast<std::uint8_t>(i);
  return key;
}

const Uuid kEvent = *Uuid::parse("018f2d5e-7c3a-4b6e-9d2f-0123456789ab");
constexpr std::string_view kOrigin = "ledger.example.cn/2026";

}  // namespace

TEST_CASE("salt, encryption key, sealed value and commitment are those computed without our code") {
  std::ifstream file(LEDGER_VECTORS_DIR "/commitments.json");
  std::stringstream text;
  text << file.rdbuf();
  const boost::json::value document = boost::json::parse(text.str());
  const auto& vectors = document.at("vectors").as_array();
  REQUIRE(vectors.size() == 6);
  for (const auto& vector : vectors) {
    const auto member = [&](const char* name) { return std::string(vector.at(name).as_string()); };
    const auto key_bytes = unhex(member("record_key"));
    const RecordSealer sealer{SecretKey(std::span<const std::uint8_t, 32>(key_bytes.data(), 32))};
    Uuid event;
    std::ranges::copy(unhex(member("event_id")), event.bytes.begin());
    const auto field = vector.at("field").to_number<std::uint32_t>();
    const std::string value = member("value");
    const Salt salt = sealer.salt(event, field);
    CHECK(hex(salt) == member("salt"));
    CHECK(hex(sealer.encryption_key(event, field).octets()) == member("encryption_key"));
    const auto made = sealer.seal_field(member("origin"), event, field, value);
    CHECK(hex_of(made.sealed) == member("sealed"));
    CHECK(made.commitment.hex() == member("commitment"));
    CHECK(commit(member("origin"), event, field, salt, value) == made.commitment);
    CHECK(sealer.open_value(event, field, made.sealed) == value);
  }
}

TEST_CASE("the first golden vector, written out") {
  const RecordSealer sealer(counting_key());
  const auto made = sealer.seal_field(kOrigin, kEvent, 1, "王小明");
  REQUIRE(hex(sealer.salt(kEvent, 1)) == "a58a969e6b4f976dba752e8b7bb27aee59b73757353347dae3cde8810de01461");
  REQUIRE(hex(sealer.encryption_key(kEvent, 1).octets()) ==
          "16ed81e36170e9471b53ce5e389b2593b8d0d47c38dae405c3fee6afd0f10e96");
  REQUIRE(hex_of(made.sealed) == "f7ab0d3e16e640e42ce5395335c78ac2ff4850a0fb1bbde0ef");
  REQUIRE(made.commitment.hex() == "dd67e4545661bc515d4f3489d3e936b93f904a39ff6b69c5cb3f208c57d33d20");
}

TEST_CASE(
    "a value sealed where it stands is what it is sealed to elsewhere; without room for the tag it is "
    "refused") {
  const RecordSealer sealer(counting_key());
  for (const std::string_view value : {"", "王小明", "a value longer than one block of the cipher"}) {
    std::vector<std::byte> room(value.size() + kTagSize);
    std::ranges::copy(bytes_of(value), room.begin());
    const Digest commitment = sealer.seal_in_place(kOrigin, kEvent, 7, room);
    CHECK(hex_of(room) == hex_of(sealer.seal_value(kEvent, 7, value)));
    CHECK(commitment == commit(kOrigin, kEvent, 7, sealer.salt(kEvent, 7), value));
  }
  std::vector<std::byte> short_room(kTagSize - 1);
  CHECK_THROWS_AS(sealer.seal_in_place(kOrigin, kEvent, 7, short_room), std::length_error);
}

TEST_CASE("a sealed value opens only under its record, event and field") {
  const RecordSealer sealer(counting_key());
  const auto sealed = sealer.seal_value(kEvent, 7, "value");
  REQUIRE(sealer.open_value(kEvent, 7, sealed) == "value");
  REQUIRE_FALSE(sealer.open_value(kEvent, 8, sealed));
  REQUIRE_FALSE(sealer.open_value(Uuid{}, 7, sealed));
  REQUIRE_FALSE(RecordSealer(SecretKey()).open_value(kEvent, 7, sealed));
  REQUIRE_FALSE(sealer.open_value(kEvent, 7, Bytes(sealed).first(3)));
}

TEST_CASE("a commitment changes with every part of it, and parts do not run into each other") {
  const Salt salt = RecordSealer(counting_key()).salt(kEvent, 1);
  const Digest one = commit("ab", kEvent, 1, salt, "cd");
  Salt other = salt;
  other[31] ^= 1;
  REQUIRE(commit("ab", kEvent, 1, other, "cd") != one);
  REQUIRE(commit("ac", kEvent, 1, salt, "cd") != one);
  REQUIRE(commit("ab", Uuid{}, 1, salt, "cd") != one);
  REQUIRE(commit("ab", kEvent, 2, salt, "cd") != one);
  REQUIRE(commit("ab", kEvent, 1, salt, "c") != one);
  REQUIRE_THROWS_AS(commit(std::string(65'536, 'o'), kEvent, 1, salt, ""), std::length_error);
}
