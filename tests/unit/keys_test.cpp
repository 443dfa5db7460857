#include <filesystem>
#include <fstream>
#include <set>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "events/crypto/base64.hpp"
#include "events/crypto/durable_file.hpp"
#include "events/crypto/master_key.hpp"
#include "events/crypto/signing_key.hpp"
#include "events/crypto/token.hpp"
#include "tests/support/temp_dir.hpp"

using namespace ledger;
using namespace ledger::crypto;
using ledger::test::TempDir;

namespace {

unsigned mode_of(const std::filesystem::path& path) {
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  return facts.st_mode & 07777;
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path) << text;
  ::chmod(path.c_str(), 0600);
}

SecretKey seed_of(std::string_view digits) {
  SecretKey seed;
  for (std::size_t i = 0; i < SecretKey::kSize; ++i) {
    seed.octets()[i] =
        static_cast<std::uint8_t>(std::stoi(std::string(digits.substr(2 * i, 2)), nullptr, 16));
  }
  return seed;
}

}  // namespace

TEST_CASE("a secret file is made once, is its owner's alone and is refused when it is not") {
  const TempDir directory;
  const auto path = directory / "secret";
  REQUIRE(create_secret_file(path, bytes_of("one")));
  REQUIRE(mode_of(path) == 0600);
  const auto again = create_secret_file(path, bytes_of("two"));
  REQUIRE_FALSE(again);
  REQUIRE(again.error().code == EEXIST);
  REQUIRE(*load_secret_file(path) == "one");
  REQUIRE_FALSE(load_secret_file(path, 2));
  for (const unsigned loose : {0640u, 0604u, 0620u, 0601u}) {
    REQUIRE(::chmod(path.c_str(), loose) == 0);
    const auto refused = load_secret_file(path);
    REQUIRE_FALSE(refused);
    REQUIRE(refused.error().message().find("chmod 600") != std::string::npos);
    REQUIRE(refused.error().message().find(path.string()) != std::string::npos);
  }
  REQUIRE_FALSE(load_secret_file(directory.path()));
  const auto missing = load_secret_file(directory / "none");
  REQUIRE_FALSE(missing);
  REQUIRE(missing.error().is_missing());
}

TEST_CASE("replacing a file leaves one whole file, with the mode asked for") {
  const TempDir directory;
  const auto path = directory / "mark";
  REQUIRE(replace_file(path, bytes_of("first"), 0644));
  REQUIRE(mode_of(path) == 0644);
  REQUIRE(replace_secret_file(path, bytes_of("second")));
  REQUIRE(mode_of(path) == 0600);
  REQUIRE(*load_file(path, 100) == "second");
  REQUIRE(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1);
  REQUIRE_FALSE(replace_file(directory / "absent" / "mark", bytes_of("x")));
}

TEST_CASE("the blocks of a replaced secret file are overwritten") {
  const TempDir directory;
  const auto path = directory / "secret";
  REQUIRE(create_secret_file(path, bytes_of("old secret")));
  const auto kept = directory / "kept";  // a second name keeps the old blocks within reach
  std::filesystem::create_hard_link(path, kept);
  REQUIRE(replace_secret_file(path, bytes_of("new secret")));
  REQUIRE(*load_file(kept, 100) == std::string(10, '\0'));
  REQUIRE(*load_file(path, 100) == "new secret");
}

TEST_CASE("a master key reads back from its file and derives the same keys") {
  const TempDir directory;
  const auto path = directory / "ledger.key";
  const auto made = MasterKey::create(path);
  REQUIRE(made);
  REQUIRE(mode_of(path) == 0600);
  const auto text = load_file(path, 4096);
  REQUIRE(text->starts_with("filing-ledger master key v1\n"));
  REQUIRE(text->size() == 28 + 64 + 1);
  const auto loaded = MasterKey::load(path);
  REQUIRE(loaded);
  REQUIRE(loaded->idempotency_key() == made->idempotency_key());
  REQUIRE(loaded->token_key(7) == made->token_key(7));
  REQUIRE_FALSE(MasterKey::create(path));
}

TEST_CASE("every derived key differs from every other") {
  const MasterKey master(seed_of(std::string(64, '1')));
  std::set<std::string> keys;
  for (const SecretKey& key :
       {master.idempotency_key(), master.request_key(), master.index_key(), master.vault_key(),
        master.token_key(0), master.token_key(1), master.derive("token"), master.derive("other"),
        record_request_key(master.vault_key())}) {
    keys.insert(hex(key.octets()));
  }
  REQUIRE(keys.size() == 9);
  const MasterKey other(seed_of(std::string(63, '1') + "2"));
  REQUIRE_FALSE(other.index_key() == master.index_key());
}

TEST_CASE("a derived key is HKDF of the label that the header names") {
  // Computed with Python: hkdf(bytes.fromhex("11" * 32), b"filing-ledger/idempotency/v1").
  const MasterKey master(seed_of(std::string(64, '1')));
  REQUIRE(hex(master.idempotency_key().octets()) ==
          "afc499586a2b210515e637be40ad628f19ae5205f9e46581491236d1b6c625a0");
  REQUIRE(hex(master.token_key(1).octets()) ==
          "944b28ff10058f963cc6bbc7dede1d82e8d21ba951e7ec1890979249bf19b47e");
}

TEST_CASE("a master key file that others may read, or of another form, is refused") {
  const TempDir directory;
  const auto path = directory / "ledger.key";
  const std::string header = "filing-ledger master key v1\n";
  const std::string digits(64, 'a');
  write_file(path, header + digits + "\n");
  REQUIRE(MasterKey::load(path));
  ::chmod(path.c_str(), 0644);
  REQUIRE_FALSE(MasterKey::load(path));
  for (const std::string& bad :
       {std::string(), digits, header, header + digits.substr(1), header + digits + "a",
        header + std::string(64, 'A'), header + digits + "\n\n", "x" + header + digits}) {
    write_file(path, bad);
    const auto refused = MasterKey::load(path);
    REQUIRE_FALSE(refused);
    REQUIRE(refused.error().message().find("not a master key file") != std::string::npos);
  }
}

TEST_CASE("Ed25519 signs as RFC 8032 says") {
  // Section 7.1, tests 1 and 2.
  const auto one =
      SigningKey::from_seed(seed_of("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  REQUIRE(hex(one.public_key()) == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  REQUIRE(hex(one.sign({})) ==
          "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd2"
          "5bf5f0595bbe24"
          "655141438e7a100b");
  const auto two =
      SigningKey::from_seed(seed_of("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  const Signature signature = two.sign(bytes_of("r"));
  REQUIRE(hex(signature) ==
          "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c38"
          "7b2eaeb4302aee"
          "b00d291612bb0c00");
  REQUIRE(verify_signature(two.public_key(), bytes_of("r"), bytes_of(signature)));
  REQUIRE_FALSE(verify_signature(two.public_key(), bytes_of("s"), bytes_of(signature)));
  REQUIRE_FALSE(verify_signature(one.public_key(), bytes_of("r"), bytes_of(signature)));
  REQUIRE_FALSE(verify_signature(two.public_key(), bytes_of("r"), bytes_of(signature).first(63)));
}

TEST_CASE("a signing key reads back from its PKCS#8 file; other files are refused") {
  const TempDir directory;
  const auto path = directory / "signing.key";
  const SigningKey key = SigningKey::generate();
  REQUIRE(key.save(path));
  REQUIRE(mode_of(path) == 0600);
  REQUIRE(load_file(path, 4096)->starts_with("-----BEGIN PRIVATE KEY-----\n"));
  REQUIRE_FALSE(key.save(path));
  const auto loaded = SigningKey::load(path);
  REQUIRE(loaded);
  REQUIRE(loaded->public_key() == key.public_key());
  REQUIRE(loaded->sign(bytes_of("m")) == key.sign(bytes_of("m")));
  ::chmod(path.c_str(), 0640);
  REQUIRE_FALSE(SigningKey::load(path));
  write_file(path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
  REQUIRE_FALSE(SigningKey::load(path));
  // openssl genpkey -algorithm X25519: well formed, another kind.
  write_file(path,
             "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSwq\n"
             "-----END PRIVATE KEY-----\n");
  const auto refused = SigningKey::load(path);
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error().message().find("Ed25519") != std::string::npos);
}

TEST_CASE("the C2SP example verifier key reads back; any change of it is refused") {
  const std::string text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
  const auto key = VerifierKey::parse(text);
  REQUIRE(key);
  REQUIRE(key->name == "example.com/foo");
  REQUIRE(key->id() == 0x530d903a);
  REQUIRE(key->text() == text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'B' ? 'C' : 'B';
    CAPTURE(changed);
    REQUIRE_FALSE(VerifierKey::parse(changed));
  }
  for (const char* name : {"", "a b", "a+b", "a\tb", "a\u3000b", "a\u00a0b"}) {
    CAPTURE(name);
    REQUIRE_FALSE(VerifierKey::parse(VerifierKey{name, kEd25519Type, key->key}.text()));
  }
  REQUIRE(VerifierKey::parse(VerifierKey{"账本.example", kCosignatureType, key->key}.text()));
  REQUIRE_FALSE(VerifierKey::parse(VerifierKey{"a", 0x02, key->key}.text()));
}

TEST_CASE("a token names its grant, is the same every time, and cannot be made without the master key") {
  const MasterKey master(seed_of(std::string(64, '1')));
  const Token token{.epoch = 1, .grant = *Uuid::parse("018f2d5e-7c3a-7b6e-9d2f-0123456789ab")};
  const std::string text = make_token(master, token);
  REQUIRE(text == make_token(master, token));
  REQUIRE(text.size() == 6 + 64);
  REQUIRE(text.starts_with("fl1_1_"));
  REQUIRE(open_token(master, text) == token);
  REQUIRE_FALSE(open_token(MasterKey(seed_of(std::string(64, '2'))), text));
  REQUIRE(make_token(master, {2, token.grant}).substr(6) != text.substr(6));
  REQUIRE(token_digest(text) != token_digest(make_token(master, {2, token.grant})));
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char put : {'A', 'b', '_', '2', '='}) {
      std::string changed = text;
      if (changed[i] == put) continue;
      changed[i] = put;
      CAPTURE(changed);
      REQUIRE_FALSE(open_token(master, changed));
    }
  }
  const std::string body = text.substr(6);
  for (const std::string& bad : {std::string(), std::string("fl1_"), "fl1_01_" + body, "fl1_+1_" + body,
                                 "fl1__" + body, "fl1_1_" + body + "=", "fl1_1_" + body + "AAAA",
                                 "fl1_1" + body, text + " ", "fl1_4294967297_" + body, "FL1_1_" + body}) {
    CAPTURE(bad);
    REQUIRE_FALSE(open_token(master, bad));
  }
  // A body with '_' right at its start and its end still splits at the epoch's '_'.
  for (int i = 0; i < 200; ++i) {
    const Token any{.epoch = 4294967295u, .grant = random_id()};
    REQUIRE(open_token(master, make_token(master, any)) == any);
  }
}
