#include "events/store/documents.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <fcntl.h>
#include <limits>
#include <mutex>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <unordered_map>
#include <utility>

#include "events/crypto/durable_file.hpp"
#include "events/crypto/file_io.hpp"

namespace ledger::store {
namespace {

namespace fs = std::filesystem;
using crypto::kTagSize;
using crypto::SecretKey;

constexpr std::string_view kMagic = "fldoc/1\n";
constexpr std::size_t kSaltSize = 32;
constexpr std::size_t kBoundSize =
    kMagic.size() + kSaltSize;  ///< What every chunk's tag covers besides itself.
constexpr std::size_t kHeaderSize = kBoundSize + 32;
constexpr std::size_t kSealedChunkSize = kDocumentChunkSize + kTagSize;
constexpr std::size_t kNameSize = 64;
constexpr std::string_view kTemporary = "tmp";
constexpr std::size_t kLaterMax = 4'096;     ///< Documents on their way at once.
constexpr std::size_t kLaterWake = 64;       ///< So many are worth waking the thread that writes them.
constexpr std::size_t kWrittenMax = 65'536;  ///< Of those that were, how many are known without a look.

using Header = std::array<std::uint8_t, kHeaderSize>;

std::unexpected<DocumentFault> fault(DocumentFailure kind, const char* operation, int code = 0) {
  return std::unexpected(DocumentFault{kind, code, operation});
}

std::unexpected<DocumentFault> system_fault(const char* operation, int code = errno) {
  const DocumentFailure kind = code == ENOSPC || code == EDQUOT ? DocumentFailure::full : DocumentFailure::io;
  return fault(kind, operation, code);
}

using crypto::File;
using crypto::read_at;
using crypto::write_at;

/// Plain bytes of a file of this size; nullopt where no document has it.
std::optional<std::uint64_t> plain_size(std::uint64_t file_size) {
  if (file_size < kHeaderSize + kTagSize) return std::nullopt;
  const std::uint64_t sealed = file_size - kHeaderSize;
  const std::uint64_t chunks = (sealed + kSealedChunkSize - 1) / kSealedChunkSize;
  const std::uint64_t in_last = sealed - (chunks - 1) * kSealedChunkSize;
  if (in_last < kTagSize || (in_last == kTagSize && chunks > 1)) return std::nullopt;
  return sealed - chunks * kTagSize;
}

crypto::Nonce nonce_of(std::uint32_t chunk, bool last) {
  crypto::Nonce nonce{};
  put_be(chunk, nonce.data() + 7);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

SecretKey file_key_of(const SecretKey& document_key, const Header& header) {
  return crypto::hkdf_sha256(document_key.view(), {bytes_of("document/file/v1"),
                                                   bytes_of(header).subspan(kMagic.size(), kSaltSize)});
}

Digest binding_of(const SecretKey& file_key, const Digest& digest, std::uint64_t size) {
  std::array<std::uint8_t, 8> length;
  put_be(size, length.data());
  return crypto::hmac_sha256(file_key,
                             {bytes_of("document/binding/v1"), bytes_of(digest.bytes), bytes_of(length)});
}

bool is_lower_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_keyed_name(std::string_view name) {
  return name.size() == kNameSize && is_lower_hex(name);
}

std::optional<Uuid> subject_of(std::string_view name) {
  if (name.size() != 32 || !is_lower_hex(name)) return std::nullopt;
  std::string text;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) text += '-';
    text += name[i];
  }
  return Uuid::parse(text);
}

TimestampUs modified(const struct stat& facts) {
  return TimestampUs{static_cast<std::int64_t>(facts.st_mtim.tv_sec) * 1'000'000 +
                     facts.st_mtim.tv_nsec / 1'000};
}

}  // namespace

std::string DocumentFault::message() const {
  std::string text = std::string("document: ") + operation;
  if (code != 0) text += ": " + std::generic_category().message(code);
  return text;
}

struct DocumentStore::Impl {
  fs::path root;
  std::mutex names;  ///< Held where a file gets or loses its final name.

  /// What `put_later` was given, written by a thread that lives from the first of them.
  struct Later {
    Uuid subject;
    SecretKey document_key;
    std::string content;
    Digest digest;
  };
  struct Place {
    Uuid subject;
    Digest digest;
    bool operator==(const Place&) const = default;
  };
  struct PlaceHash {
    std::size_t operator()(const Place& place) const {
      return get_be<std::uint64_t>(place.digest.bytes.data()) ^ std::hash<Uuid>()(place.subject);
    }
  };
  std::mutex later_mutex;  ///< guards all below
  std::condition_variable_any later_put;
  std::condition_variable later_written;
  unsigned awaited = 0;  ///< how many wait for `later_written`
  std::deque<Later> later;
  /// Plain sizes of those that are on their way, and of the last that were.
  std::unordered_map<Place, std::uint64_t, PlaceHash> known_later;
  std::deque<Place> written_later;
  std::uint64_t put = 0, written = 0, synced = 0;  ///< counts of them
  std::optional<DocumentFault> later_failed;
  std::jthread writing;  ///< last: it uses all of the above

  [[nodiscard]] fs::path directory_of(const Uuid& subject) const { return root / hex(subject.bytes); }
  void await(std::unique_lock<std::mutex>& lock, const auto& come) {
    ++awaited;
    later_written.wait(lock, come);
    --awaited;
  }
  [[nodiscard]] std::optional<std::uint64_t> size_of_later(const Uuid& subject, const Digest& digest) {
    const std::lock_guard lock(later_mutex);
    const auto at = known_later.find({subject, digest});
    return at != known_later.end() ? std::optional(at->second) : std::nullopt;
  }
  void forget_later(const Uuid& subject) {
    const std::lock_guard lock(later_mutex);
    std::erase_if(known_later, [&](const auto& one) { return one.first.subject == subject; });
  }
};

// ---- writing

struct DocumentWriter::Impl {
  DocumentStore::Impl* store = nullptr;
  Uuid subject;
  SecretKey document_key;
  SecretKey file_key;
  std::uint64_t size_max = 0;
  Header header{};
  fs::path temporary;
  File file{-1};
  bool usable = true;

  crypto::Sha256 hash;
  std::uint64_t size = 0;
  std::uint32_t chunk = 0;
  std::vector<std::byte> plain;   ///< The chunk being filled; at most kDocumentChunkSize.
  std::vector<std::byte> sealed;  ///< Room for one sealed chunk.

  ~Impl() {
    crypto::wipe(plain);
    if (!temporary.empty()) ::unlink(temporary.c_str());
  }

  /// Seals the chunk into `sealed`, behind `before` bytes of room.
  void seal_chunk(bool last, std::size_t before) {
    sealed.resize(before + plain.size() + kTagSize);
    crypto::seal_into(file_key, nonce_of(chunk, last), bytes_of(header).first(kBoundSize), plain,
                      std::span(sealed).subspan(before));
    ++chunk;
    plain.clear();
  }

  DocumentResult<void> flush(bool last) {
    const std::uint64_t at = kHeaderSize + std::uint64_t{chunk} * kSealedChunkSize;
    seal_chunk(last, 0);
    if (!write_at(file.get(), sealed, at)) return system_fault("write");
    return {};
  }

  /// What is left of the content, and the header, which is bound to all of it. A document of one chunk is
  /// written at once.
  DocumentResult<void> flush_rest(const Digest& digest) {
    const bool whole = chunk == 0;
    if (whole) {
      seal_chunk(true, kHeaderSize);
    } else if (auto flushed = flush(true); !flushed) {
      return flushed;
    }
    std::ranges::copy(binding_of(file_key, digest, size).bytes, header.begin() + kBoundSize);
    if (whole) std::ranges::copy(bytes_of(header), sealed.begin());
    if (!write_at(file.get(), whole ? Bytes(sealed) : bytes_of(header), 0)) return system_fault("write");
    return {};
  }

  DocumentResult<void> write(Bytes bytes) {
    if (bytes.size() > size_max - size) return fault(DocumentFailure::too_large, "the document is too large");
    hash.update(bytes);
    size += bytes.size();
    while (!bytes.empty()) {
      // A full chunk waits until more comes: whether it is the last one is part of its seal.
      if (plain.size() == kDocumentChunkSize) {
        if (auto flushed = flush(false); !flushed) return flushed;
      }
      const std::size_t taken = std::min(bytes.size(), kDocumentChunkSize - plain.size());
      plain.insert(plain.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
      bytes = bytes.subspan(taken);
    }
    return {};
  }

  DocumentResult<StoredDocument> finish(bool sync) {
    StoredDocument stored{.digest = hash.finish(), .size = size, .name = {}};
    stored.name = DocumentStore::keyed_name(document_key, stored.digest);
    if (auto flushed = flush_rest(stored.digest); !flushed) return std::unexpected(flushed.error());
    if (sync && ::fsync(file.get()) != 0) return system_fault("fsync");

    const fs::path directory = store->directory_of(subject);
    const fs::path place = directory / stored.name;
    const std::lock_guard lock(store->names);
    if (sync) {
      if (auto made = crypto::make_directory(directory); !made)
        return system_fault("make directory", made.error().code);
    }
    int renamed = ::rename(temporary.c_str(), place.c_str());
    if (renamed != 0 && errno == ENOENT && !sync) {  // the subject's first one
      if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return system_fault("make directory");
      renamed = ::rename(temporary.c_str(), place.c_str());
    }
    if (renamed != 0) return system_fault("rename");
    temporary.clear();
    if (!sync) return stored;
    if (auto synced = crypto::sync_directory(directory); !synced) {
      return system_fault("fsync directory", synced.error().code);
    }
    return stored;
  }
};

DocumentWriter::DocumentWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DocumentWriter::DocumentWriter(DocumentWriter&&) noexcept = default;
DocumentWriter& DocumentWriter::operator=(DocumentWriter&&) noexcept = default;
DocumentWriter::~DocumentWriter() = default;

DocumentResult<void> DocumentWriter::write(Bytes bytes) {
  if (!impl_->usable) return fault(DocumentFailure::io, "write after the end or a fault");
  auto written = impl_->write(bytes);
  impl_->usable = written.has_value();
  return written;
}

DocumentResult<StoredDocument> DocumentWriter::finish() {
  if (!impl_->usable) return fault(DocumentFailure::io, "finish after the end or a fault");
  impl_->usable = false;
  return impl_->finish(true);
}

std::uint64_t DocumentWriter::size() const {
  return impl_->size;
}

// ---- reading

struct DocumentReader::Impl {
  File file{-1};
  SecretKey file_key;
  Header header{};
  std::uint64_t size = 0;
  std::uint64_t given = 0;
  std::uint32_t chunk = 0;
  std::vector<std::byte> sealed = std::vector<std::byte>(kSealedChunkSize);
  std::vector<std::byte> plain = std::vector<std::byte>(kDocumentChunkSize);

  ~Impl() { crypto::wipe(plain); }

  /// Up to the header, whose binding is not looked at.
  DocumentResult<void> begin_unbound(const SecretKey& document_key) {
    struct stat facts {};
    if (::fstat(file.get(), &facts) != 0) return system_fault("stat");
    const auto plain_bytes =
        S_ISREG(facts.st_mode) ? plain_size(static_cast<std::uint64_t>(facts.st_size)) : std::nullopt;
    if (!plain_bytes) return fault(DocumentFailure::damaged, "no document has this file's size");
    size = *plain_bytes;
    const ssize_t got = read_at(file.get(), std::as_writable_bytes(std::span(header)), 0);
    if (got < 0) return system_fault("read");
    if (static_cast<std::size_t>(got) != header.size() || !text_of(bytes_of(header)).starts_with(kMagic)) {
      return fault(DocumentFailure::damaged, "not a sealed document");
    }
    file_key = file_key_of(document_key, header);
    return {};
  }

  [[nodiscard]] bool bound_to(const Digest& digest) const {
    const Digest binding = binding_of(file_key, digest, size);
    return crypto::equal_in_constant_time(bytes_of(binding.bytes), bytes_of(header).subspan(kBoundSize));
  }

  DocumentResult<void> begin(const SecretKey& document_key, const Digest& digest) {
    if (auto begun = begin_unbound(document_key); !begun) return begun;
    if (!bound_to(digest)) return fault(DocumentFailure::damaged, "the file is not the one of its name");
    // An empty document has one empty chunk, whose tag is its seal like any other's.
    if (size == 0) {
      if (auto opened = next_chunk(0); !opened) return std::unexpected(opened.error());
    }
    return {};
  }

  DocumentResult<Bytes> next_chunk(std::size_t count) {
    const std::span<std::byte> from = std::span(sealed).first(count + kTagSize);
    const ssize_t got = read_at(file.get(), from, kHeaderSize + std::uint64_t{chunk} * kSealedChunkSize);
    if (got < 0) return system_fault("read");
    const std::span<std::byte> into = std::span(plain).first(count);
    if (static_cast<std::size_t>(got) != from.size() ||
        !crypto::open_into(file_key, nonce_of(chunk, given + count == size),
                           bytes_of(header).first(kBoundSize), from, into)) {
      return fault(DocumentFailure::damaged, "a chunk does not authenticate");
    }
    ++chunk;
    given += count;
    return Bytes(into);
  }

  DocumentResult<Bytes> next() {
    const std::uint64_t left = size - given;
    if (left == 0) return Bytes{};
    return next_chunk(static_cast<std::size_t>(std::min<std::uint64_t>(left, kDocumentChunkSize)));
  }
};

DocumentReader::DocumentReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DocumentReader::DocumentReader(DocumentReader&&) noexcept = default;
DocumentReader& DocumentReader::operator=(DocumentReader&&) noexcept = default;
DocumentReader::~DocumentReader() = default;

std::uint64_t DocumentReader::size() const {
  return impl_->size;
}

DocumentResult<Bytes> DocumentReader::next() {
  return impl_->next();
}

// ---- the directory

DocumentStore::DocumentStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DocumentStore::~DocumentStore() {
  if (!impl_->writing.joinable()) return;
  impl_->writing.request_stop();  // it writes what is left
  impl_->writing.join();
}

DocumentResult<std::unique_ptr<DocumentStore>> DocumentStore::open(const fs::path& directory,
                                                                   bool read_only) {
  auto impl = std::make_unique<Impl>();
  impl->root = directory;
  if (!read_only) {
    const fs::path temporary = directory / kTemporary;
    if (auto made = crypto::make_directory(temporary); !made) {
      return system_fault("make directory", made.error().code);
    }
    std::error_code failed;
    for (fs::directory_iterator at(temporary, failed), end; !failed && at != end; at.increment(failed)) {
      if (::unlink(at->path().c_str()) != 0) return system_fault("remove an upload that died");
    }
    if (failed) return system_fault("list uploads that died", failed.value());
  }
  return std::unique_ptr<DocumentStore>(new DocumentStore(std::move(impl)));
}

DocumentResult<DocumentWriter> DocumentStore::begin(const Uuid& subject, const SecretKey& document_key,
                                                    std::uint64_t size_max) {
  auto impl = std::make_unique<DocumentWriter::Impl>();
  impl->store = impl_.get();
  impl->subject = subject;
  impl->document_key = document_key;
  // Chunk numbers are 32 bits wide.
  impl->size_max =
      std::min(size_max, std::uint64_t{std::numeric_limits<std::uint32_t>::max()} * kDocumentChunkSize);
  std::ranges::copy(kMagic, impl->header.begin());
  std::array<std::uint8_t, kSaltSize + sizeof(Uuid)> random;
  crypto::random_bytes(random);
  const auto [salt, name] =
      std::pair(std::span(random).first<kSaltSize>(), std::span(random).subspan<kSaltSize>());
  std::ranges::copy(salt, impl->header.begin() + kMagic.size());
  impl->file_key = file_key_of(document_key, impl->header);
  const std::size_t chunk = std::min<std::uint64_t>(kDocumentChunkSize, impl->size_max);
  impl->plain.reserve(chunk);
  impl->sealed.reserve(kHeaderSize + chunk + kTagSize);
  const fs::path temporary = impl_->root / kTemporary / hex(name);
  impl->file = File(::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!impl->file) return system_fault("create");
  impl->temporary = temporary;
  return DocumentWriter(std::move(impl));
}

Digest DocumentStore::put_later(const Uuid& subject, const SecretKey& document_key, std::string content) {
  const Digest digest = crypto::sha256(bytes_of(content));
  Impl::Later one{subject, document_key, std::move(content), digest};
  std::unique_lock lock(impl_->later_mutex);
  impl_->await(lock, [&] { return impl_->later.size() < kLaterMax; });
  ++impl_->put;
  impl_->known_later.emplace(Impl::Place{subject, digest}, one.content.size());
  impl_->later.push_back(std::move(one));
  if (!impl_->writing.joinable()) {
    impl_->writing = std::jthread([this](const std::stop_token& stop) { write_later(stop); });
  }
  // Woken for some at once; `sync` and the destructor wake it for fewer.
  if (impl_->later.size() == kLaterWake) impl_->later_put.notify_one();
  return digest;
}

void DocumentStore::write_later(const std::stop_token& stop) {
  std::unique_lock lock(impl_->later_mutex);
  while (impl_->later_put.wait(lock, stop, [&] { return !impl_->later.empty(); })) {
    const Impl::Later one = std::move(impl_->later.front());
    impl_->later.pop_front();
    lock.unlock();
    auto writer = begin(one.subject, one.document_key, one.content.size());
    DocumentResult<void> done;
    if (!writer) done = std::unexpected(writer.error());
    if (done) done = writer->write(bytes_of(one.content));
    if (done) {
      if (auto stored = writer->impl_->finish(false); !stored) done = std::unexpected(stored.error());
    }
    lock.lock();
    // One that could not be written stays known, and no commit gets past `sync`.
    if (!done && !impl_->later_failed) impl_->later_failed = done.error();
    if (done) impl_->written_later.push_back({one.subject, one.digest});
    if (impl_->written_later.size() > kWrittenMax) {
      impl_->known_later.erase(impl_->written_later.front());
      impl_->written_later.pop_front();
    }
    ++impl_->written;
    if (impl_->awaited) impl_->later_written.notify_all();
  }
}

DocumentResult<void> DocumentStore::sync() {
  std::unique_lock lock(impl_->later_mutex);
  const std::uint64_t put = impl_->put;
  if (put == impl_->synced && !impl_->later_failed) return {};
  impl_->later_put.notify_one();
  impl_->await(lock, [&] { return impl_->written >= put; });
  if (impl_->later_failed) return std::unexpected(*impl_->later_failed);
  lock.unlock();
  const File root(::open(impl_->root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return system_fault("open");
  // One call for files, names and directories alike: a sync of each would cost more than making it.
  if (::syncfs(root.get()) != 0) return system_fault("syncfs");
  lock.lock();
  impl_->synced = put;
  return {};
}

DocumentResult<DocumentReader> DocumentStore::read(const Uuid& subject, const SecretKey& document_key,
                                                   const Digest& digest) const {
  const fs::path path = impl_->directory_of(subject) / keyed_name(document_key, digest);
  auto impl = std::make_unique<DocumentReader::Impl>();
  impl->file = File(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!impl->file && errno == ENOENT) return fault(DocumentFailure::unknown, "no such document");
  if (!impl->file) return system_fault("open");
  if (auto begun = impl->begin(document_key, digest); !begun) return std::unexpected(begun.error());
  return DocumentReader(std::move(impl));
}

DocumentResult<std::optional<DocumentListing>> DocumentStore::stat(const Uuid& subject,
                                                                   const SecretKey& document_key,
                                                                   const Digest& digest) const {
  DocumentListing listing{.name = keyed_name(document_key, digest), .size = 0, .modified_at = {}};
  if (const auto size = impl_->size_of_later(subject, digest)) {
    listing.size = *size;
    return std::optional(listing);
  }
  struct stat facts {};
  if (::lstat((impl_->directory_of(subject) / listing.name).c_str(), &facts) != 0) {
    if (errno == ENOENT) return std::optional<DocumentListing>();
    return system_fault("stat");
  }
  // A file cut short shows as size 0; reading it tells.
  listing.size = plain_size(static_cast<std::uint64_t>(facts.st_size)).value_or(0);
  listing.modified_at = modified(facts);
  return listing;
}

DocumentResult<bool> DocumentStore::known(const Uuid& subject, const SecretKey& document_key,
                                          const Digest& digest) const {
  if (impl_->size_of_later(subject, digest)) return true;
  const auto listing = stat(subject, document_key, digest);
  if (!listing) return std::unexpected(listing.error());
  return listing->has_value();
}

DocumentResult<DocumentListing> DocumentStore::verify(const Uuid& subject, const SecretKey& document_key,
                                                      const Digest& digest) const {
  auto reader = read(subject, document_key, digest);
  if (!reader) return std::unexpected(reader.error());
  crypto::Sha256 hash;
  while (true) {
    auto piece = reader->next();
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) break;
    hash.update(*piece);
  }
  if (hash.finish() != digest) return fault(DocumentFailure::damaged, "the content has another digest");
  struct stat facts {};
  if (::fstat(reader->impl_->file.get(), &facts) != 0) return system_fault("stat");
  return DocumentListing{
      .name = keyed_name(document_key, digest), .size = reader->size(), .modified_at = modified(facts)};
}

DocumentResult<DocumentListing> DocumentStore::verify_file(const Uuid& subject, const SecretKey& document_key,
                                                           std::string_view name) const {
  const fs::path path = impl_->directory_of(subject) / name;
  DocumentReader::Impl reader;
  reader.file = File(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!reader.file && errno == ENOENT) return fault(DocumentFailure::unknown, "no such document");
  if (!reader.file) return system_fault("open");
  if (auto begun = reader.begin_unbound(document_key); !begun) return std::unexpected(begun.error());
  crypto::Sha256 hash;
  do {
    auto piece = reader.size == 0 ? reader.next_chunk(0) : reader.next();
    if (!piece) return std::unexpected(piece.error());
    hash.update(*piece);
  } while (reader.given < reader.size);
  const Digest digest = hash.finish();
  if (!reader.bound_to(digest) || keyed_name(document_key, digest) != name)
    return fault(DocumentFailure::damaged, "the file is not the one of its name");
  struct stat facts {};
  if (::fstat(reader.file.get(), &facts) != 0) return system_fault("stat");
  return DocumentListing{.name = std::string(name), .size = reader.size, .modified_at = modified(facts)};
}

DocumentResult<std::vector<DocumentListing>> DocumentStore::list(const Uuid& subject) const {
  std::vector<DocumentListing> listings;
  std::error_code failed;
  for (fs::directory_iterator at(impl_->directory_of(subject), failed), end; !failed && at != end;
       at.increment(failed)) {
    const std::string name = at->path().filename().string();
    struct stat facts {};
    if (!is_keyed_name(name)) continue;
    if (::lstat(at->path().c_str(), &facts) != 0) {
      if (errno == ENOENT) continue;  // removed meanwhile
      return system_fault("stat");
    }
    listings.push_back({.name = name,
                        .size = plain_size(static_cast<std::uint64_t>(facts.st_size)).value_or(0),
                        .modified_at = modified(facts)});
  }
  if (failed && failed != std::errc::no_such_file_or_directory) return system_fault("list", failed.value());
  std::ranges::sort(listings, {}, &DocumentListing::name);
  return listings;
}

DocumentResult<std::vector<Uuid>> DocumentStore::subjects() const {
  std::vector<Uuid> subjects;
  std::error_code failed;
  for (fs::directory_iterator at(impl_->root, failed), end; !failed && at != end; at.increment(failed)) {
    if (const auto subject = subject_of(at->path().filename().string())) subjects.push_back(*subject);
  }
  if (failed) return system_fault("list", failed.value());
  std::ranges::sort(subjects);
  return subjects;
}

std::string DocumentStore::keyed_name(const SecretKey& document_key, const Digest& digest) {
  const SecretKey name_key = crypto::hkdf_sha256(document_key.view(), {bytes_of("document/name/v1")});
  return crypto::hmac_sha256(name_key, {bytes_of(digest.bytes)}).hex();
}

DocumentResult<bool> DocumentStore::remove(const Uuid& subject, std::string_view name,
                                           TimestampUs not_after) {
  if (!is_keyed_name(name)) return false;
  const fs::path directory = impl_->directory_of(subject);
  const fs::path path = directory / name;
  const std::lock_guard lock(impl_->names);
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) {
    if (errno == ENOENT) return false;
    return system_fault("stat");
  }
  if (modified(facts) > not_after) return false;
  impl_->forget_later(subject);
  if (::unlink(path.c_str()) != 0) return system_fault("remove");
  if (auto synced = crypto::sync_directory(directory); !synced) {
    return system_fault("fsync directory", synced.error().code);
  }
  return true;
}

DocumentResult<std::size_t> DocumentStore::remove_all(const Uuid& subject) {
  auto listings = list(subject);
  if (!listings) return std::unexpected(listings.error());
  const fs::path directory = impl_->directory_of(subject);
  impl_->forget_later(subject);
  const std::lock_guard lock(impl_->names);
  std::size_t removed = 0;
  for (const DocumentListing& listing : *listings) {
    if (::unlink((directory / listing.name).c_str()) == 0) {
      ++removed;
    } else if (errno != ENOENT) {
      return system_fault("remove");
    }
  }
  if (::rmdir(directory.c_str()) != 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST) {
    return system_fault("remove directory");
  }
  for (const fs::path& changed : {directory, impl_->root}) {
    auto synced = crypto::sync_directory(changed);
    if (!synced && !synced.error().is_missing()) return system_fault("fsync directory", synced.error().code);
  }
  return removed;
}

}  // namespace ledger::store
