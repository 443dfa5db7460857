#include "events/store/documents.hpp"

#include <array>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "tests/support/temp_dir.hpp"

using namespace ledger;
using namespace ledger::store;
using crypto::SecretKey;
using ledger::test::TempDir;

namespace {

constexpr std::uint64_t kMiB = 1u << 20;
constexpr TimestampUs kAnyTime{INT64_MAX};

struct Place {
  TempDir directory;
  SecretKey key = SecretKey::random();
  Uuid subject = crypto::random_id();
  std::unique_ptr<DocumentStore> store;

  Place() { reopen(); }
  void reopen() {
    store.reset();
    auto opened = DocumentStore::open(directory / "documents");
    REQUIRE(opened);
    store = std::move(*opened);
  }
  StoredDocument put(std::string_view content, std::size_t piece = 1000) const {
    auto writer = store->begin(subject, key, 64 * kMiB);
    REQUIRE(writer);
    for (std::size_t at = 0; at < content.size(); at += piece) {
      REQUIRE(writer->write(bytes_of(content.substr(at, piece))));
    }
    auto stored = writer->finish();
    REQUIRE(stored);
    return *stored;
  }
  [[nodiscard]] DocumentResult<std::string> get(const Digest& digest) const {
    auto reader = store->read(subject, key, digest);
    if (!reader) return std::unexpected(reader.error());
    std::string content;
    while (true) {
      auto piece = reader->next();
      if (!piece) return std::unexpected(piece.error());
      if (piece->empty()) return content;
      content += text_of(*piece);
    }
  }
  [[nodiscard]] std::filesystem::path path_of(const StoredDocument& stored) const {
    return directory / "documents" / hex(subject.bytes) / stored.name;
  }
  [[nodiscard]] std::size_t leftovers() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory / "documents" / "tmp"), {}));
  }
};

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put_content(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

bool is_damaged(const DocumentResult<std::string>& read) {
  return !read && read.error().kind == DocumentFailure::damaged;
}

}  // namespace

TEST_CASE("a document of any size reads back, and its size follows from the file") {
  Place place;
  for (const std::size_t size : {0u, 1u, 15u, 65'535u, 65'536u, 65'537u, 131'072u, 200'000u}) {
    const std::string plain = pattern(size);
    const StoredDocument stored = place.put(plain, 7919);
    REQUIRE(stored.size == size);
    REQUIRE(stored.digest == crypto::sha256(bytes_of(plain)));
    REQUIRE(*place.get(stored.digest) == plain);
    REQUIRE(place.store->stat(place.subject, place.key, stored.digest).value()->size == size);
    REQUIRE(place.store->verify(place.subject, place.key, stored.digest)->size == size);
    struct stat facts {};
    REQUIRE(::stat(place.path_of(stored).c_str(), &facts) == 0);
    REQUIRE((facts.st_mode & 0777) == 0600);
  }
  REQUIRE(place.leftovers() == 0);
  REQUIRE(place.store->list(place.subject)->size() == 8);
}

TEST_CASE("a sealed document is, byte for byte, what the format of the header says") {
  Place place;
  const std::string plain = pattern(65'536 + 100);
  const StoredDocument stored = place.put(plain);
  const std::string sealed = content(place.path_of(stored));
  const Bytes file = bytes_of(sealed);
  REQUIRE(sealed.substr(0, 8) == "fldoc/1\n");
  const SecretKey file_key =
      crypto::hkdf_sha256(place.key.view(), {bytes_of("document/file/v1"), file.subspan(8, 32)});
  std::array<std::uint8_t, 8> size;
  put_be(std::uint64_t{65'636}, size.data());
  const Digest binding = crypto::hmac_sha256(
      file_key,
      {bytes_of("document/binding/v1"), bytes_of(crypto::sha256(bytes_of(plain)).bytes), bytes_of(size)});
  REQUIRE(text_of(file.subspan(40, 32)) == text_of(bytes_of(binding.bytes)));
  const auto first = crypto::open(file_key, crypto::Nonce{}, file.first(40), file.subspan(72, 65'552));
  const auto last = crypto::open(file_key, crypto::Nonce{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}, file.first(40),
                                 file.subspan(72 + 65'552));
  REQUIRE(first);
  REQUIRE(last);
  REQUIRE(std::string(text_of(*first)) + std::string(text_of(*last)) == plain);
}

TEST_CASE("neither name nor file tells what a document is") {
  Place place;
  const std::string plain(500, 'A');
  const StoredDocument stored = place.put(plain);
  REQUIRE(stored.name != stored.digest.hex());
  REQUIRE(stored.name == DocumentStore::keyed_name(place.key, stored.digest));
  REQUIRE(DocumentStore::keyed_name(SecretKey(), stored.digest) != stored.name);
  const std::string sealed = content(place.path_of(stored));
  REQUIRE(sealed.find("AAAAAAAA") == std::string::npos);
  REQUIRE(sealed.find(text_of(bytes_of(stored.digest.bytes))) == std::string::npos);
}

TEST_CASE("another subject, another key or another digest finds nothing") {
  Place place;
  const StoredDocument stored = place.put("content");
  const auto kind = [](const auto& result) { return result ? DocumentFailure::io : result.error().kind; };
  REQUIRE(kind(place.store->read(crypto::random_id(), place.key, stored.digest)) == DocumentFailure::unknown);
  REQUIRE(kind(place.store->read(place.subject, SecretKey(), stored.digest)) == DocumentFailure::unknown);
  REQUIRE(kind(place.store->read(place.subject, place.key, Digest{})) == DocumentFailure::unknown);
  REQUIRE_FALSE(*place.store->stat(place.subject, place.key, Digest{}));
  REQUIRE(place.store->list(crypto::random_id())->empty());
}

TEST_CASE("a change of any single byte of a sealed document is refused") {
  Place place;
  const StoredDocument stored = place.put("a small document");
  const auto path = place.path_of(stored);
  const std::string sealed = content(path);
  REQUIRE(sealed.size() == 72 + 16 + 16);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 0x40);
    put_content(path, changed);
    CAPTURE(i);
    REQUIRE(is_damaged(place.get(stored.digest)));
  }
  put_content(path, sealed);
  REQUIRE(*place.get(stored.digest) == "a small document");
}

TEST_CASE("a changed empty document is refused at opening") {
  Place place;
  const StoredDocument stored = place.put("");
  const auto path = place.path_of(stored);
  std::string sealed = content(path);
  sealed.back() = static_cast<char>(sealed.back() ^ 1);
  put_content(path, sealed);
  REQUIRE_FALSE(place.store->read(place.subject, place.key, stored.digest));
}

TEST_CASE("a document cut short or lengthened by any amount is refused before a byte is given out") {
  Place place;
  const StoredDocument stored = place.put(pattern(70'000));
  const auto path = place.path_of(stored);
  const std::string sealed = content(path);
  const std::size_t chunk = 65'536 + 16;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{71}, std::size_t{87}, std::size_t{88}, 72 + chunk - 1, 72 + chunk,
        72 + chunk + 1, 72 + chunk + 16, 72 + chunk + 17, sealed.size() - 1}) {
    put_content(path, sealed.substr(0, size));
    CAPTURE(size);
    const auto reader = place.store->read(place.subject, place.key, stored.digest);
    REQUIRE_FALSE(reader);
    REQUIRE(reader.error().kind == DocumentFailure::damaged);
  }
  put_content(path, sealed + "x");
  REQUIRE_FALSE(place.store->read(place.subject, place.key, stored.digest));
  put_content(path, sealed);
  REQUIRE(place.get(stored.digest));
}

TEST_CASE("exchanged chunks are refused, and nothing from the first wrong chunk on is given out") {
  Place place;
  const StoredDocument stored = place.put(pattern(3 * 65'536 + 5));
  const auto path = place.path_of(stored);
  const std::string sealed = content(path);
  const std::size_t chunk = 65'536 + 16;
  const auto nth = [&](std::size_t n) { return sealed.substr(72 + n * chunk, chunk); };
  put_content(path, sealed.substr(0, 72) + nth(1) + nth(0) + nth(2) + nth(3));
  REQUIRE(is_damaged(place.get(stored.digest)));
  put_content(path, sealed.substr(0, 72) + nth(0) + nth(0) + nth(2) + nth(3));
  REQUIRE(is_damaged(place.get(stored.digest)));
  put_content(path, sealed.substr(0, 72) + nth(0) + nth(1) + nth(1) + nth(3));
  auto reader = place.store->read(place.subject, place.key, stored.digest);
  REQUIRE(reader);
  REQUIRE(reader->next()->size() == 65'536);
  REQUIRE(reader->next()->size() == 65'536);
  REQUIRE_FALSE(reader->next());
  REQUIRE_FALSE(reader->next());
}

TEST_CASE("two documents of one subject that change places are refused") {
  Place place;
  const StoredDocument one = place.put("document one");
  const StoredDocument two = place.put("document two");
  std::filesystem::rename(place.path_of(one), place.directory / "held");
  std::filesystem::rename(place.path_of(two), place.path_of(one));
  std::filesystem::rename(place.directory / "held", place.path_of(two));
  REQUIRE(is_damaged(place.get(one.digest)));
  REQUIRE(is_damaged(place.get(two.digest)));
}

TEST_CASE("more bytes than allowed are refused, and the upload leaves nothing") {
  Place place;
  {
    auto writer = place.store->begin(place.subject, place.key, 10);
    REQUIRE(writer);
    REQUIRE(writer->write(bytes_of("0123456789")));
    const auto refused = writer->write(bytes_of("x"));
    REQUIRE_FALSE(refused);
    REQUIRE(refused.error().kind == DocumentFailure::too_large);
    REQUIRE_FALSE(writer->write({}));
    REQUIRE_FALSE(writer->finish());
    REQUIRE(place.leftovers() == 1);
  }
  REQUIRE(place.leftovers() == 0);
  REQUIRE(place.store->list(place.subject)->empty());
}

TEST_CASE("an upload given up leaves nothing, and what a crash left goes at the next opening") {
  Place place;
  {
    auto writer = place.store->begin(place.subject, place.key, kMiB);
    REQUIRE(writer->write(bytes_of(pattern(100'000))));
    auto moved = std::move(*writer);
    REQUIRE(moved.size() == 100'000);
  }
  REQUIRE(place.leftovers() == 0);
  put_content(place.directory / "documents" / "tmp" / "0123", "half an upload");
  REQUIRE(DocumentStore::open(place.directory / "documents", true));
  REQUIRE(place.leftovers() == 1);
  place.reopen();
  REQUIRE(place.leftovers() == 0);
}

TEST_CASE("the same content twice is one file with a fresh time; a sweep spares what came after its limit") {
  Place place;
  const StoredDocument first = place.put("same");
  const auto path = place.path_of(first);
  const struct timespec old[2] = {{1'000'000, 0}, {1'000'000, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), old, 0) == 0);
  REQUIRE(place.store->list(place.subject)->front().modified_at == TimestampUs{1'000'000'000'000});
  const StoredDocument again = place.put("same");
  REQUIRE(again.name == first.name);
  const auto listed = place.store->list(place.subject);
  REQUIRE(listed->size() == 1);
  REQUIRE(listed->front().modified_at > TimestampUs{1'000'000'000'000});
  REQUIRE_FALSE(*place.store->remove(place.subject, first.name, TimestampUs{1'000'000'000'000}));
  REQUIRE(*place.get(first.digest) == "same");
  REQUIRE(*place.store->remove(place.subject, first.name, listed->front().modified_at));
  REQUIRE_FALSE(*place.store->remove(place.subject, first.name, kAnyTime));
  put_content(place.directory / "documents" / "beside", "not a document");
  REQUIRE_FALSE(*place.store->remove(place.subject, "../beside", kAnyTime));
  REQUIRE(std::filesystem::exists(place.directory / "documents" / "beside"));
  REQUIRE(place.store->list(place.subject)->empty());
}

TEST_CASE("a document put for later is known at once, durable after a sync, and unknown once it is removed") {
  Place place;
  const Digest digest = place.store->put_later(place.subject, place.key, "承诺书");
  CHECK(place.store->known(place.subject, place.key, digest) == true);
  CHECK(place.store->known(place.subject, place.key, Digest{}) == false);
  CHECK(place.store->known(crypto::random_id(), place.key, digest) == false);
  const auto listing = place.store->stat(place.subject, place.key, digest);
  REQUIRE((listing && *listing));
  CHECK((*listing)->name == DocumentStore::keyed_name(place.key, digest));
  CHECK((*listing)->size == std::string_view("承诺书").size());
  std::vector<Digest> many;
  for (int i = 0; i < 100; ++i)
    many.push_back(place.store->put_later(place.subject, place.key, std::to_string(i)));
  REQUIRE(place.store->sync());
  CHECK(place.get(digest) == "承诺书");
  for (int i = 0; i < 100; ++i) CHECK(place.get(many[static_cast<std::size_t>(i)]) == std::to_string(i));
  SECTION("one") {
    CHECK(place.store->remove(place.subject, DocumentStore::keyed_name(place.key, digest), kAnyTime) == true);
    CHECK(place.store->known(place.subject, place.key, many.front()) == true);
  }
  SECTION("all") {
    CHECK(place.store->remove_all(place.subject) == std::size_t{101});
    CHECK(place.store->known(place.subject, place.key, many.front()) == false);
  }
  CHECK(place.store->known(place.subject, place.key, digest) == false);
}

TEST_CASE(
    "a few documents put for later are written by a sync, or by the end, though too few to wake anybody") {
  Place place;
  const Digest first = place.store->put_later(place.subject, place.key, "一");
  if (GENERATE(true, false)) {
    REQUIRE(place.store->sync());
    CHECK(place.get(first) == "一");
  }
  const Digest second = place.store->put_later(place.subject, place.key, "二");
  place.reopen();
  CHECK(place.get(first) == "一");
  CHECK(place.get(second) == "二");
}

TEST_CASE("a reader goes on while its document is removed") {
  Place place;
  const std::string plain = pattern(150'000);
  const StoredDocument stored = place.put(plain);
  auto reader = place.store->read(place.subject, place.key, stored.digest);
  std::string read(text_of(*reader->next()));
  REQUIRE(*place.store->remove_all(place.subject) == 1);
  for (auto piece = reader->next(); piece && !piece->empty(); piece = reader->next()) read += text_of(*piece);
  REQUIRE(read == plain);
  REQUIRE(place.store->subjects()->empty());
  place.put("again");
  REQUIRE(*place.store->subjects() == std::vector<Uuid>{place.subject});
}
