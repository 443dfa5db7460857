#include "events/store/checkpoint_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "events/crypto/primitives.hpp"

namespace ledger::store {
namespace {

constexpr std::string_view kMagic = "fl-checkpoint-1\n";
constexpr std::size_t kSlotBytes = 4096;
constexpr std::size_t kTextAt = kMagic.size() + 8 + 4;
constexpr std::size_t kDigestAt = kSlotBytes - sizeof(Digest);
constexpr std::size_t kTextBytesMax = kDigestAt - kTextAt;
constexpr std::size_t kErasuresBytesMax = std::size_t{1} << 30;

using Slot = std::array<std::uint8_t, kSlotBytes>;

std::unexpected<crypto::FileFault> fault(const char* operation, const std::filesystem::path& path,
                                         int code = errno) {
  return std::unexpected(crypto::FileFault{code, operation, path.string()});
}

Digest digest_of(const Slot& slot) {
  return crypto::sha256(bytes_of(std::span(slot).first(kDigestAt)));
}

struct Written {
  std::uint64_t sequence = 0;
  std::string text;
};

std::optional<Written> read_slot(const Slot& slot) {
  if (std::memcmp(slot.data(), kMagic.data(), kMagic.size()) != 0) return std::nullopt;
  const Digest digest = digest_of(slot);
  if (std::memcmp(slot.data() + kDigestAt, digest.bytes.data(), digest.bytes.size()) != 0)
    return std::nullopt;
  const auto length = get_be<std::uint32_t>(slot.data() + kMagic.size() + 8);
  if (length > kTextBytesMax) return std::nullopt;
  return Written{get_be<std::uint64_t>(slot.data() + kMagic.size()),
                 std::string(reinterpret_cast<const char*>(slot.data()) + kTextAt, length)};
}

}  // namespace

std::expected<CheckpointFile, crypto::FileFault> CheckpointFile::open(std::filesystem::path path) {
  if (!std::filesystem::exists(path)) {
    const std::vector<std::byte> empty(2 * kSlotBytes);
    if (auto made = crypto::replace_file(path, empty); !made) return std::unexpected(made.error());
  }
  return take(std::move(path), O_RDWR);
}

std::expected<std::optional<std::string>, crypto::FileFault> CheckpointFile::read_last(
    const std::filesystem::path& path) {
  auto file = take(path, O_RDONLY);
  if (!file) return std::unexpected(std::move(file.error()));
  return std::move(file->last_);
}

std::expected<CheckpointFile, crypto::FileFault> CheckpointFile::take(std::filesystem::path path, int flags) {
  crypto::File opened(::open(path.c_str(), flags | O_CLOEXEC));
  if (!opened) return fault("open", path);
  // Two ledgers that write one file, or two copies of one, would hide each other's history.
  if (flags != O_RDONLY && ::flock(opened.get(), LOCK_EX | LOCK_NB) != 0)
    return fault("another process has the checkpoint file, lock", path);
  std::array<Slot, 2> slots;
  if (::lseek(opened.get(), 0, SEEK_END) != static_cast<off_t>(sizeof slots))
    return fault("no checkpoint file", path, 0);
  if (crypto::read_at(opened.get(), std::as_writable_bytes(std::span(slots)), 0) !=
      static_cast<ssize_t>(sizeof slots)) {
    return fault("read", path);
  }
  CheckpointFile file(path, std::move(opened));
  for (const Slot& slot : slots) {
    auto written = read_slot(slot);
    if (!written || (file.last_ && written->sequence < file.sequence_)) continue;
    file.sequence_ = written->sequence;
    file.last_ = std::move(written->text);
  }
  const auto blank = [](const Slot& slot) {
    return std::ranges::all_of(slot, [](std::uint8_t byte) { return byte == 0; });
  };
  // One slot may be torn, but a file of which nothing can be read tells nothing of what was signed.
  if (!file.last_ && !(blank(slots[0]) && blank(slots[1])))
    return fault("no whole slot in the checkpoint file", path, 0);
  return file;
}

std::expected<void, crypto::FileFault> CheckpointFile::write(std::string_view checkpoint) {
  if (checkpoint.size() > kTextBytesMax) return fault("a checkpoint too long for a slot", path_, EFBIG);
  Slot slot{};
  std::memcpy(slot.data(), kMagic.data(), kMagic.size());
  put_be(sequence_ + 1, slot.data() + kMagic.size());
  put_be(static_cast<std::uint32_t>(checkpoint.size()), slot.data() + kMagic.size() + 8);
  std::memcpy(slot.data() + kTextAt, checkpoint.data(), checkpoint.size());
  const Digest digest = digest_of(slot);
  std::memcpy(slot.data() + kDigestAt, digest.bytes.data(), digest.bytes.size());
  const std::uint64_t at = (sequence_ + 1) % 2 == 0 ? 0 : kSlotBytes;
  struct stat facts {};
  if (::fstat(file_.get(), &facts) != 0) return fault("stat", path_);
  if (facts.st_nlink == 0) return fault("the checkpoint file was removed:", path_, 0);
  if (!crypto::write_at(file_.get(), bytes_of(slot), at)) return fault("write", path_);
  if (::fdatasync(file_.get()) != 0) return fault("sync", path_);
  ++sequence_;
  last_ = checkpoint;
  return {};
}

// ---- erasures

namespace {

std::optional<Erasure> read_erasure(std::string_view line) {
  Erasure erasure;
  const auto number = std::from_chars(line.data(), line.data() + line.size(), erasure.position);
  if (number.ec != std::errc()) return std::nullopt;
  line.remove_prefix(static_cast<std::size_t>(number.ptr - line.data()));
  constexpr std::size_t kIdChars = 36;
  if (line.size() < 1 + kIdChars + 1 || line[0] != ' ' || line[1 + kIdChars] != ' ') return std::nullopt;
  const auto subject = Uuid::parse(line.substr(1, kIdChars));
  if (!subject) return std::nullopt;
  erasure.subject = *subject;
  line.remove_prefix(1 + kIdChars + 1);
  while (true) {
    const auto record = Uuid::parse(line.substr(0, kIdChars));
    if (!record) return std::nullopt;
    erasure.records.push_back(*record);
    line.remove_prefix(kIdChars);
    if (line.empty()) return erasure;
    if (line[0] != ',') return std::nullopt;
    line.remove_prefix(1);
  }
}

std::string line_of(const Erasure& erasure) {
  std::string line = std::to_string(erasure.position) + ' ' + erasure.subject.text() + ' ';
  for (const Uuid& record : erasure.records) line += record.text() + ',';
  line.back() = '\n';
  return line;
}

}  // namespace

std::filesystem::path erasures_path(const std::filesystem::path& checkpoint_file) {
  std::filesystem::path path = checkpoint_file;
  path += ".erasures";
  return path;
}

std::expected<std::vector<Erasure>, crypto::FileFault> read_erasures(const std::filesystem::path& path) {
  std::vector<Erasure> erasures;
  if (!std::filesystem::exists(path)) return erasures;
  const auto text = crypto::load_file(path, kErasuresBytesMax);
  if (!text) return std::unexpected(text.error());
  std::string_view rest = *text;
  for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
    auto erasure = read_erasure(rest.substr(0, end));
    if (!erasure) return fault("a line that is no erasure in", path, 0);
    erasures.push_back(std::move(*erasure));
  }
  return erasures;
}

std::expected<void, crypto::FileFault> add_erasures(const std::filesystem::path& path,
                                                    std::span<const Erasure> erasures) {
  auto known = read_erasures(path);
  if (!known) return std::unexpected(known.error());
  bool news = false;
  for (const Erasure& erasure : erasures) {
    if (erasure.records.empty() || std::ranges::find(*known, erasure) != known->end()) continue;
    known->push_back(erasure);
    news = true;
  }
  if (!news) return {};
  std::string text;
  for (const Erasure& erasure : *known) text += line_of(erasure);
  return crypto::replace_file(path, bytes_of(text));
}

}  // namespace ledger::store
