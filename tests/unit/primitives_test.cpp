#include "events/crypto/primitives.hpp"

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "events/crypto/base64.hpp"

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

SecretKey key_of(std::uint8_t fill) {
  SecretKey key;
  std::ranges::fill(key.octets(), fill);
  return key;
}

std::string hex_of(const std::vector<std::byte>& bytes) {
  return hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

}  // namespace

TEST_CASE("SHA-256 gives the values of FIPS 180-4, in one piece, in parts and as a stream") {
  REQUIRE(sha256(bytes_of("")).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  REQUIRE(sha256(bytes_of("abc")).hex() == abc);
  REQUIRE(sha256({bytes_of("a"), {}, bytes_of("bc")}).hex() == abc);
  Sha256 stream;
  stream.update(bytes_of("ab"));
  stream.update({});
  Sha256 moved = std::move(stream);
  moved.update(bytes_of("c"));
  REQUIRE(moved.finish().hex() == abc);
  moved.update(bytes_of("abc"));
  REQUIRE(moved.finish().hex() == abc);
}

TEST_CASE("HMAC-SHA-256 gives the values of RFC 4231") {
  const auto tag = [](std::string_view key, Bytes data) {
    return hmac_sha256(bytes_of(unhex(key)), {data}).hex();
  };
  REQUIRE(tag("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", bytes_of("Hi There")) ==
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  REQUIRE(tag("4a656665", bytes_of("what do ya want for nothing?")) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  // Test case 6: a key longer than the block.
  REQUIRE(tag(std::string(262, 'a'), bytes_of("Test Using Larger Than Block-Size Key - Hash Key First")) ==
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  // An empty key must not mean "the key of the last call" (value by Python's hmac).
  REQUIRE(hmac_sha256(Bytes{}, {bytes_of("x")}).hex() ==
          "4cbc96099a6467ce002461f10549b4898265ebe6188b45efacc44293516e62c4");
}

TEST_CASE("a tag is the same whatever key was used before it, its own among them") {
  std::vector<std::string> keys;
  for (const char c : {'a', 'b'}) {
    for (const std::size_t size : {0, 5, 32, 64, 65}) keys.emplace_back(size, c);
  }
  // By another thread each: it has no key of last time.
  std::vector<Digest> alone(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    std::thread([&] { alone[i] = hmac_sha256(bytes_of(keys[i]), {bytes_of("x")}); }).join();
  }
  for (std::size_t before = 0; before < keys.size(); ++before) {
    for (std::size_t now = 0; now < keys.size(); ++now) {
      (void)hmac_sha256(bytes_of(keys[before]), {bytes_of("y")});
      REQUIRE(hmac_sha256(bytes_of(keys[now]), {bytes_of("x")}) == alone[now]);
      REQUIRE(hmac_sha256(bytes_of(keys[now]), {bytes_of("x")}) == alone[now]);
    }
  }
}

TEST_CASE("parts under hmac_parts keep their borders") {
  const SecretKey key = key_of(7);
  REQUIRE(hmac_parts(key, {bytes_of("ab"), bytes_of("c")}) !=
          hmac_parts(key, {bytes_of("a"), bytes_of("bc")}));
  REQUIRE(hmac_parts(key, {bytes_of("ab"), {}}) != hmac_parts(key, {bytes_of("ab")}));
  REQUIRE(hmac_sha256(key, {bytes_of("ab"), bytes_of("c")}) ==
          hmac_sha256(key, {bytes_of("a"), bytes_of("bc")}));
  const std::string written("\0\0\0\2ab\0\0\0\1c", 11);
  REQUIRE(hmac_parts(key, {bytes_of("ab"), bytes_of("c")}) == hmac_sha256(key, {bytes_of(written)}));
}

TEST_CASE("HKDF gives the values of RFC 5869, test cases 1 to 3") {
  struct Case {
    std::string key_material, salt, info, pseudorandom_key, output;
  };
  std::string ramp[3];
  for (int i = 0; i < 80; ++i) {
    for (int r = 0; r < 3; ++r) {
      const std::uint8_t value = static_cast<std::uint8_t>((r == 0 ? 0x00 : r == 1 ? 0x60 : 0xb0) + i);
      ramp[r] += hex(std::span(&value, 1));
    }
  }
  const Case cases[] = {
      {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
       "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
       "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
      {ramp[0], ramp[1], ramp[2], "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
       "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da327"
       "5600c2f0"
       "9b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
      {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
       "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
       "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
  };
  for (const Case& given : cases) {
    const SecretKey extracted =
        hkdf_extract(bytes_of(unhex(given.salt)), bytes_of(unhex(given.key_material)));
    REQUIRE(hex(extracted.octets()) == given.pseudorandom_key);
    std::vector<std::uint8_t> output(given.output.size() / 2);
    const auto info = unhex(given.info);
    const std::size_t half = info.size() / 2;
    hkdf_expand(extracted, {bytes_of(info).first(half), bytes_of(info).subspan(half)}, output);
    REQUIRE(hex(output) == given.output);
  }
  const auto material = unhex(cases[2].key_material);
  REQUIRE(hex(hkdf_sha256(bytes_of(material), {}).octets()) == cases[2].output.substr(0, 64));
  std::vector<std::uint8_t> too_much(255 * 32 + 1);
  REQUIRE_THROWS(hkdf_expand(key_of(1), {}, too_much));
}

TEST_CASE("AES-256-GCM gives the values of the GCM specification, test cases 13, 14 and 16") {
  REQUIRE(hex_of(seal(key_of(0), {}, {}, {})) == "530f8afbc74536b9a963b4f1c4cb738b");
  const std::vector<std::byte> zeros(16);
  REQUIRE(hex_of(seal(key_of(0), {}, {}, zeros)) ==
          "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
  const auto key_bytes = unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  const SecretKey key(std::span<const std::uint8_t, 32>(key_bytes.data(), 32));
  Nonce nonce;
  std::ranges::copy(unhex("cafebabefacedbaddecaf888"), nonce.begin());
  const auto associated = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const auto plain = unhex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aed"
      "f5aa0de657"
      "ba637b39");
  const auto sealed = seal(key, nonce, bytes_of(associated), bytes_of(plain));
  REQUIRE(hex_of(sealed) ==
          "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5"
          "f61e6393ba7a0a"
          "bcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
  REQUIRE(hex_of(*open(key, nonce, bytes_of(associated), sealed)) == hex(plain));
}

TEST_CASE("a sealed value opens only as it was sealed") {
  const SecretKey key = SecretKey::random();
  const Nonce nonce{1};
  const auto sealed = seal(key, nonce, bytes_of("about"), bytes_of("value"));
  REQUIRE(open(key, nonce, bytes_of("about"), sealed));
  REQUIRE_FALSE(open(SecretKey::random(), nonce, bytes_of("about"), sealed));
  REQUIRE_FALSE(open(key, Nonce{2}, bytes_of("about"), sealed));
  REQUIRE_FALSE(open(key, nonce, bytes_of("abouT"), sealed));
  REQUIRE_FALSE(open(key, nonce, {}, sealed));
  REQUIRE_FALSE(open(key, nonce, bytes_of("about"), Bytes(sealed).first(sealed.size() - 1)));
  REQUIRE_FALSE(open(key, nonce, bytes_of("about"), Bytes(sealed).first(15)));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto changed = sealed;
    changed[i] ^= std::byte{1};
    REQUIRE_FALSE(open(key, nonce, bytes_of("about"), changed));
  }
  std::vector<std::byte> out(sealed.size() - kTagSize, std::byte{0x55});
  REQUIRE_FALSE(open_into(key, Nonce{2}, bytes_of("about"), sealed, out));
  REQUIRE(std::ranges::all_of(out, [](std::byte b) { return b == std::byte{0}; }));
}

TEST_CASE("a wrapped key opens only for what it was bound to") {
  const SecretKey wrapping = SecretKey::random();
  const SecretKey key = SecretKey::random();
  const WrappedKey wrapped = wrap_key(wrapping, bytes_of("record 1"), key);
  REQUIRE(unwrap_key(wrapping, bytes_of("record 1"), bytes_of(wrapped)) == key);
  REQUIRE_FALSE(unwrap_key(wrapping, bytes_of("record 2"), bytes_of(wrapped)));
  REQUIRE_FALSE(unwrap_key(SecretKey::random(), bytes_of("record 1"), bytes_of(wrapped)));
  REQUIRE_FALSE(unwrap_key(wrapping, bytes_of("record 1"), bytes_of(wrapped).first(59)));
  REQUIRE(wrap_key(wrapping, bytes_of("record 1"), key) != wrapped);
}

TEST_CASE("a key that was moved from holds nothing, a copy holds the same") {
  SecretKey key = key_of(9);
  const SecretKey copy = key;
  REQUIRE(copy == key);
  const SecretKey taken = std::move(key);
  REQUIRE(taken == copy);
  REQUIRE(key == SecretKey());  // NOLINT(bugprone-use-after-move): what a move leaves is the promise tested
  REQUIRE_FALSE(SecretKey::random() == SecretKey::random());
  REQUIRE(random_id() != random_id());
  REQUIRE(equal_in_constant_time(bytes_of("ab"), bytes_of("ab")));
  REQUIRE_FALSE(equal_in_constant_time(bytes_of("ab"), bytes_of("ac")));
  REQUIRE_FALSE(equal_in_constant_time(bytes_of("ab"), bytes_of("abc")));
}

TEST_CASE("every thread computes with its own contexts") {
  const SecretKey key = key_of(3);
  const auto expected = hmac_sha256(key, {bytes_of("same")});
  std::vector<std::thread> threads;
  std::vector<int> right(4, 0);
  for (int& count : right) {
    threads.emplace_back([&count, &key, &expected] {
      for (int i = 0; i < 500; ++i) {
        const auto sealed = seal(key, Nonce{}, {}, bytes_of("same"));
        count +=
            hmac_sha256(key, {bytes_of("same")}) == expected && open(key, Nonce{}, {}, sealed).has_value();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(right == std::vector<int>(4, 500));
}

TEST_CASE("base64 reads back exactly its own text") {
  const char* const texts[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
  for (std::size_t i = 0; i < 7; ++i) {  // RFC 4648, section 10
    const std::string plain = std::string("foobar").substr(0, i);
    REQUIRE(base64(bytes_of(plain)) == texts[i]);
    REQUIRE(text_of(*base64_decode(texts[i])) == plain);
    REQUIRE(text_of(*base64url_decode(base64url(bytes_of(plain)))) == plain);
  }
  const std::string high("\xfb\xff\xfe", 3);
  REQUIRE(base64(bytes_of(high)) == "+//+");
  REQUIRE(base64url(bytes_of(high)) == "-__-");
  REQUIRE_FALSE(base64_decode("-__-"));
  REQUIRE_FALSE(base64url_decode("+//+"));
  for (const char* bad :
       {"Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "=", "Zm9v\n", "Zm 9v", "Zg==Zg==", "Zm9vZg=a"}) {
    CAPTURE(bad);
    REQUIRE_FALSE(base64_decode(bad));
  }
  for (const char* bad : {"Z", "Zg==", "Zh", "Zm9", "Zm9vY"}) {
    CAPTURE(bad);
    REQUIRE_FALSE(base64url_decode(bad));
  }
}
