// The views environment: `views/`, an LMDB file without fsync that holds everything that is derived from the
// log. It may be deleted at any time; it is believed only under the trust rule below. Rows and keys:
// docs/storage-format.md.
//
//   meta               word -> see below; `subject_number` -> u32be, the last subject number given
//   streams            u8 kind || id[16] || 01 || u64be version -> u64be position
//                      u8 kind || id[16] || 02 -> state row (codec/state_codec.hpp), behind the versions, so
//                      that an event changes the one page where its stream ends
//   grants             grant id[16] -> state row
//   principal_grants   principal[16] || grant id[16] -> empty
//   idempotency        principal[16] || key tag[32] -> u64be position of the command's first event
//   credit_codes       code -> subject id[16]
//   numbers            digits -> filing id[16]
//   serials            subject id[16] || u8 type -> u16be last serial given
//   subject_numbers    u32be number -> empty: given by an approval or seen in an import
//   names              HMAC(K_index, "principal" || name) || record[16] -> principal[16]
//   subject_products   subject id[16] || u64be position -> product id[16]
//   subject_filings    subject id[16] || u64be position -> filing id[16]
//   regions            region[6] || subject id[16] -> empty: where each subject sits
//   documents          HMAC(K_index, "document" || digest[32]) || subject id[16] || record[16], nil for what
//                      a publication names in clear
//                        -> u64be position of the first event that names it || u8 1 when published
//   erasable           record[16] || u8 1 || the rest of a key of `names` without the record -> empty
//                      record[16] || u8 2 || the same of `documents`: what goes when the record is erased, so
//                      that nobody needs its values for that
//   erasures           u64be position of a `personal_data.erased` -> empty
//
// Trust: the file is believed when the mark beside it (`views/mark`) says that it was closed cleanly, or that
// it was opened during this very boot of the machine, whose page cache then still holds all of it; and when
// the ledger id, the number of events and the hash of the last one that it names are the log's.
#pragma once

#include <array>
#include <expected>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/events.hpp"
#include "events/crypto/durable_file.hpp"
#include "events/store/projection.hpp"

namespace ledger::store {

/// Of a subject's region (GB/T 2260) in the keys of `regions`.
inline constexpr std::size_t kRegionDigits = 6;

/// The databases of the indexes; those of the projections are their own.
struct IndexDatabases {
  Database meta, streams, grants, principal_grants, idempotency, credit_codes, numbers, serials,
      subject_numbers, names, subject_products, subject_filings, regions, documents, erasable, erasures;
};

/// What the views say of themselves.
struct ViewsMeta {
  Uuid ledger_id;
  std::uint64_t size = 0;  ///< events applied
  Digest last_leaf;        ///< SHA-256(0x00 || entry) of the last one (RFC 6962 section 2.1)
  bool operator==(const ViewsMeta&) const = default;
};

/// A key of at most 80 bytes, made of fixed parts.
class Key {
 public:
  Key& add(Bytes bytes) {
    std::memcpy(bytes_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
    return *this;
  }
  Key& add(const Uuid& id) { return add(bytes_of(id.bytes)); }
  Key& add(const Digest& digest) { return add(bytes_of(digest.bytes)); }
  template <typename T>
  Key& number(T value) {
    put_be(value, bytes_.data() + size_);
    size_ += sizeof(T);
    return *this;
  }
  operator Bytes() const { return bytes_of(std::span(bytes_.data(), size_)); }

 private:
  std::array<std::uint8_t, 80> bytes_;
  std::size_t size_ = 0;
};

namespace keys {
/// Below every row of the stream.
[[nodiscard]] inline Key begin(const StreamId& stream) {
  return Key().number(static_cast<std::uint8_t>(stream.kind)).add(stream.id);
}
[[nodiscard]] inline Key state(const StreamId& stream) {
  return Key().number(static_cast<std::uint8_t>(stream.kind)).add(stream.id).number(std::uint8_t{2});
}
/// Before every version of the stream, and no other row of it.
[[nodiscard]] inline Key versions(const StreamId& stream) {
  return begin(stream).number(std::uint8_t{1});
}
[[nodiscard]] inline Key version(const StreamId& stream, std::uint64_t version) {
  return Key()
      .number(static_cast<std::uint8_t>(stream.kind))
      .add(stream.id)
      .number(std::uint8_t{1})
      .number(version);
}
}  // namespace keys

/// Reads what ids, positions and numbers stand in values as; nullopt for a value of another size.
[[nodiscard]] std::optional<Uuid> id_in(Bytes value);
[[nodiscard]] std::optional<std::uint64_t> position_in(Bytes value);

/// A read transaction of the views together with the file that it reads, which stays open as long: another
/// may have taken its place meanwhile.
class ViewsRead {
 public:
  ViewsRead(std::shared_ptr<Environment> file, ReadTxn txn) : file_(std::move(file)), txn_(std::move(txn)) {}
  [[nodiscard]] const ReadTxn& operator*() const { return txn_; }
  [[nodiscard]] const ReadTxn* operator->() const { return &txn_; }

 private:
  std::shared_ptr<Environment> file_;  // outlives the transaction
  ReadTxn txn_;
};

/// The databases of the indexes and projections, and the open file that holds them. The file can be replaced
/// by another of equal handles while others read; what was read of the old one stays good until its
/// transaction ends. Reading: any thread.
class Views {
 public:
  /// Opens or makes the file and gives the projections their handles, in an order that depends on their names
  /// only.
  [[nodiscard]] static StoreResult<std::unique_ptr<Views>> open(const std::filesystem::path& directory,
                                                                std::uint64_t map_bytes,
                                                                std::span<Projection* const> projections,
                                                                bool read_only = false);

  /// Makes a file of its own in a directory that holds none, for the same projections. A fault where its
  /// handles would not equal these, which are what the projections know.
  [[nodiscard]] StoreResult<std::unique_ptr<Views>> make_beside(const std::filesystem::path& directory,
                                                                std::uint64_t map_bytes) const;

  [[nodiscard]] const IndexDatabases& databases() const { return databases_; }
  /// The file as of now. Hold it as long as anything of it is used.
  [[nodiscard]] std::shared_ptr<Environment> file() const {
    const std::lock_guard lock(file_mutex_);
    return file_;
  }
  [[nodiscard]] StoreResult<ViewsRead> read() const;
  /// Takes the file of views that `make_beside` made of these, which then have none; answers the old one, to
  /// be let go of. Nobody writes meanwhile.
  [[nodiscard]] std::shared_ptr<Environment> take_file(Views& beside);

  /// nullopt in a new file, and where a row of it does not read.
  [[nodiscard]] std::optional<ViewsMeta> meta(const Transaction& txn) const;
  /// Whether the file was made by this format and these versions of the projections.
  [[nodiscard]] bool versions_match(const Transaction& txn) const;
  /// Puts what a new file says of itself, once.
  [[nodiscard]] StoreResult<void> put_versions(Rows& rows, const Uuid& ledger_id) const;
  /// Puts how far the rows go.
  [[nodiscard]] StoreResult<void> put_progress(Rows& rows, std::uint64_t size, const Digest& last_leaf) const;

  /// Every row of every database, ordered, as text lines `database key value` in hexadecimal but for the
  /// database's name: equal for two files that hold the same. For tests and for `rebuild --check`.
  [[nodiscard]] std::string dump() const;

 private:
  Views() = default;
  [[nodiscard]] StoreResult<void> open_file(const std::filesystem::path& directory, std::uint64_t map_bytes,
                                            bool read_only);
  [[nodiscard]] std::string versions_text() const;
  mutable std::mutex file_mutex_;
  std::shared_ptr<Environment> file_;  ///< guarded by file_mutex_
  IndexDatabases databases_;
  std::vector<Projection*> projections_;
  std::vector<std::string> names_;  ///< of all databases, in the order of `handles_`
  std::vector<Database> handles_;
};

/// The trust mark of a views directory.
class TrustMark {
 public:
  explicit TrustMark(const std::filesystem::path& views_directory) : path_(views_directory / "mark") {}
  /// Nothing where the file may be believed, else why not.
  [[nodiscard]] std::optional<std::string> distrust() const;
  [[nodiscard]] bool exists() const { return std::filesystem::exists(path_); }
  /// Durable: from here on the file is believed during this boot only. Before the first write.
  [[nodiscard]] std::expected<void, crypto::FileFault> set_open() const;
  /// Until the next mark the file is not believed, whatever becomes of this process. Before rows are written
  /// that are worth nothing one by one; not durable, and need not be: after a boot it would not be believed
  /// either, having been open.
  [[nodiscard]] std::expected<void, crypto::FileFault> remove() const;
  /// Durable: the file is whole. After the environment was synced and before it closes.
  [[nodiscard]] std::expected<void, crypto::FileFault> set_clean() const;

 private:
  std::filesystem::path path_;
};

}  // namespace ledger::store
