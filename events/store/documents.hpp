// Documents: sealed, content-addressed files below `documents/<subject id, 32 hex>/<keyed name, 64 hex>`.
//
// The keyed name is HMAC-SHA-256(name key, SHA-256 of the plain bytes), the name key derives from the
// subject's document key: a directory listing tells nobody which document a subject holds, and destroying the
// key makes names and contents unreadable together.
//
// A file is:  "fldoc/1\n"[8] || salt[32] || binding[32] || chunks
//   file key  HKDF-SHA-256(subject document key, "document/file/v1" || salt): new for every file
//   binding   HMAC-SHA-256(file key, "document/binding/v1" || plain digest[32] || u64be plain size): ties the
//   file to
//             its name and length, so that exchanged or cut files are refused before a byte is given out
//   chunk i   AES-256-GCM(file key, nonce = 0[7] || u32be i || last[1], associated = magic || salt) of 65,536
//   plain
//             bytes, the last one shorter or full (empty only for an empty document); `last` is 1 on the last
//             chunk. This is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar 2015), as in age.
// The plain size follows from the file's size.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "events/core/types.hpp"
#include "events/crypto/primitives.hpp"

namespace ledger::store {

inline constexpr std::size_t kDocumentChunkSize = 65'536;

enum class DocumentFailure {
  full,       ///< No room on the disk or in the quota (507).
  too_large,  ///< More bytes than the limit given to `begin` (413).
  unknown,    ///< No such document of this subject under this key (404).
  damaged,    ///< The file does not authenticate: changed, cut, exchanged. Nothing of it was given out from
              ///< there on.
  io,         ///< The machine failed.
};

struct DocumentFault {
  DocumentFailure kind = DocumentFailure::io;
  int code = 0;                ///< errno, or 0.
  const char* operation = "";  ///< Static text.
  [[nodiscard]] std::string message() const;
};

template <typename T>
using DocumentResult = std::expected<T, DocumentFault>;

struct StoredDocument {
  Digest digest;           ///< SHA-256 of the plain bytes.
  std::uint64_t size = 0;  ///< Plain bytes.
  std::string name;        ///< The keyed name.
};

/// One file as the directory shows it, without any key.
struct DocumentListing {
  std::string name;         ///< Keyed name, 64 lower-case hex.
  std::uint64_t size = 0;   ///< Plain bytes.
  TimestampUs modified_at;  ///< Of the last upload of this content.
};

class DocumentStore;

/// One upload. One thread at a time; dropped before `finish` it leaves nothing behind.
class DocumentWriter {
 public:
  DocumentWriter(DocumentWriter&&) noexcept;
  DocumentWriter& operator=(DocumentWriter&&) noexcept;
  ~DocumentWriter();
  /// Takes the next bytes, in pieces of any size. After a fault only dropping is left.
  [[nodiscard]] DocumentResult<void> write(Bytes bytes);
  /// Seals the rest and makes file and name durable. The same content again replaces its file and renews its
  /// time.
  [[nodiscard]] DocumentResult<StoredDocument> finish();
  /// Plain bytes taken so far.
  [[nodiscard]] std::uint64_t size() const;

 private:
  friend class DocumentStore;
  struct Impl;
  explicit DocumentWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// One document being read from its start. One thread at a time. It goes on reading a file that is removed or
/// replaced meanwhile.
class DocumentReader {
 public:
  DocumentReader(DocumentReader&&) noexcept;
  DocumentReader& operator=(DocumentReader&&) noexcept;
  ~DocumentReader();
  /// Plain bytes in all; authenticated when the reader was opened.
  [[nodiscard]] std::uint64_t size() const;
  /// The next chunk, 1 to kDocumentChunkSize bytes, authenticated; empty at the end. The memory is the
  /// reader's and lives until the next call.
  [[nodiscard]] DocumentResult<Bytes> next();

 private:
  friend class DocumentStore;
  struct Impl;
  explicit DocumentReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The directory of all documents. Safe from any thread; calls block on the disk.
class DocumentStore {
 public:
  /// Makes the directory where it is missing and removes what uploads that died left in `tmp/`. Only under
  /// the exclusive lock of the data directory, except read_only, which changes nothing.
  [[nodiscard]] static DocumentResult<std::unique_ptr<DocumentStore>> open(
      const std::filesystem::path& directory, bool read_only = false);
  ~DocumentStore();
  DocumentStore(const DocumentStore&) = delete;
  DocumentStore& operator=(const DocumentStore&) = delete;

  /// Starts an upload of at most `size_max` plain bytes. The store must outlive the writer.
  [[nodiscard]] DocumentResult<DocumentWriter> begin(const Uuid& subject,
                                                     const crypto::SecretKey& document_key,
                                                     std::uint64_t size_max);
  /// For a simulation, which makes many: a document that is written on a thread of the store. `known` and
  /// `stat` have it at once, nothing else before it is written. Waits where thousands are on their way.
  [[nodiscard]] Digest put_later(const Uuid& subject, const crypto::SecretKey& document_key,
                                 std::string content);
  /// Waits until what was put so far is written and durable; costs nothing where there is none. The writer
  /// calls it before each commit, so that no durable event names a document that is not.
  [[nodiscard]] DocumentResult<void> sync();
  /// Opens a document by its plain digest.
  [[nodiscard]] DocumentResult<DocumentReader> read(const Uuid& subject,
                                                    const crypto::SecretKey& document_key,
                                                    const Digest& digest) const;
  /// Whether there is such a document: what `stat` answers, without a system call for the last that
  /// `put_later` was given.
  [[nodiscard]] DocumentResult<bool> known(const Uuid& subject, const crypto::SecretKey& document_key,
                                           const Digest& digest) const;
  /// Listing of one document, or nullopt when the subject has none with this digest. Looks at the name only.
  [[nodiscard]] DocumentResult<std::optional<DocumentListing>> stat(const Uuid& subject,
                                                                    const crypto::SecretKey& document_key,
                                                                    const Digest& digest) const;
  /// Reads the whole document and answers its listing: every byte authenticates and the content has this
  /// digest.
  [[nodiscard]] DocumentResult<DocumentListing> verify(const Uuid& subject,
                                                       const crypto::SecretKey& document_key,
                                                       const Digest& digest) const;

  /// The same for a file whose digest nobody told: its content authenticates and has the digest that its
  /// name and its header say.
  [[nodiscard]] DocumentResult<DocumentListing> verify_file(const Uuid& subject,
                                                            const crypto::SecretKey& document_key,
                                                            std::string_view name) const;

  /// Every document of a subject, by name; empty for an unknown subject.
  [[nodiscard]] DocumentResult<std::vector<DocumentListing>> list(const Uuid& subject) const;
  /// Every subject that has a directory.
  [[nodiscard]] DocumentResult<std::vector<Uuid>> subjects() const;
  /// The keyed name that a document with this digest has.
  [[nodiscard]] static std::string keyed_name(const crypto::SecretKey& document_key, const Digest& digest);

  /// Removes a file unless it was uploaded (again) after `not_after`; an absent one is no fault. Answers
  /// through the same lock as `finish`, so a fresh upload is never lost to a sweep. True when a file went.
  [[nodiscard]] DocumentResult<bool> remove(const Uuid& subject, std::string_view name,
                                            TimestampUs not_after);
  /// Removes every file of a subject, after its keys were destroyed. Answers how many went.
  [[nodiscard]] DocumentResult<std::size_t> remove_all(const Uuid& subject);

 private:
  friend class DocumentWriter;
  struct Impl;
  explicit DocumentStore(std::unique_ptr<Impl> impl);
  void write_later(const std::stop_token& stop);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ledger::store
