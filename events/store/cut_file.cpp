#include "events/store/cut_file.hpp"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "events/core/types.hpp"

namespace ledger::store {
namespace {

// The layout of LMDB 0.9's file on a 64-bit machine (data version 1), in its own byte order. LMDB offers no
// way to walk the list of free pages that does not go through the map.
constexpr std::size_t kPageHeader = 16;
constexpr std::size_t kFlagsAt = 10, kLowerAt = 12;
constexpr std::uint16_t kBranch = 0x01, kLeaf = 0x02, kOverflow = 0x04;
constexpr std::size_t kNodeHeader = 8;
constexpr std::uint16_t kBigData = 0x01;
constexpr std::size_t kFreeRootAt = kPageHeader + 24 + 40;  ///< behind magic, version, address, map size
constexpr std::size_t kTransactionAt = kPageHeader + 24 + 2 * 48 + 8;
constexpr std::uint64_t kNoPage = ~std::uint64_t{0};
/// A tree of more levels is none.
constexpr unsigned kDepthMax = 32;

class FreeList {
 public:
  FreeList(int descriptor, std::uint64_t pages, std::uint64_t last, std::uint64_t page_bytes)
      : descriptor_(descriptor), pages_(pages), page_bytes_(page_bytes), free_(last + 1 - pages) {}

  /// Marks the lacking pages that the tree lists; false where it does not read.
  bool walk(std::uint64_t page, unsigned depth = 0) {
    if (page == kNoPage) return true;
    std::vector<std::byte> bytes(page_bytes_);
    // Each page stands in the tree once; more of them than the file has is a circle.
    if (depth > kDepthMax || ++walked_ > pages_ || !read(page, bytes)) return false;
    const auto flags = at<std::uint16_t>(bytes, kFlagsAt);
    const auto lower = at<std::uint16_t>(bytes, kLowerAt);
    if (lower < kPageHeader || lower > page_bytes_) return false;
    for (std::size_t slot = kPageHeader; slot + 2 <= lower; slot += 2) {
      const auto offset = at<std::uint16_t>(bytes, slot);
      if (offset + kNodeHeader > page_bytes_) return false;
      if (!((flags & kBranch) != 0 ? walk(child(bytes, offset), depth + 1)
                                   : (flags & kLeaf) != 0 && list(bytes, offset)))
        return false;
    }
    return true;
  }
  [[nodiscard]] bool holds_all() const { return std::find(free_.begin(), free_.end(), false) == free_.end(); }

 private:
  template <typename T>
  static T at(const std::vector<std::byte>& bytes, std::size_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
  }

  bool read(std::uint64_t page, std::span<std::byte> into) const {
    if (page >= pages_) return false;
    return ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(page * page_bytes_)) ==
           static_cast<ssize_t>(into.size());
  }

  static std::uint64_t child(const std::vector<std::byte>& bytes, std::size_t node) {
    return at<std::uint16_t>(bytes, node) | std::uint64_t{at<std::uint16_t>(bytes, node + 2)} << 16 |
           std::uint64_t{at<std::uint16_t>(bytes, node + 4)} << 32;
  }

  /// One node of a leaf: a count and as many page numbers.
  bool list(const std::vector<std::byte>& bytes, std::size_t node) {
    const std::uint64_t size =
        at<std::uint16_t>(bytes, node) | std::uint64_t{at<std::uint16_t>(bytes, node + 2)} << 16;
    const std::size_t data = node + kNodeHeader + at<std::uint16_t>(bytes, node + 6);
    if ((at<std::uint16_t>(bytes, node + 4) & kBigData) == 0) {
      if (data + size > page_bytes_) return false;
      return mark(std::span(bytes).subspan(data, size));
    }
    if (data + 8 > page_bytes_) return false;
    const std::uint64_t first = at<std::uint64_t>(bytes, data);
    const std::uint64_t taken = (kPageHeader + size + page_bytes_ - 1) / page_bytes_;
    if (first >= pages_ || taken > pages_ - first) return false;
    std::vector<std::byte> big(taken * page_bytes_);
    if (!read(first, big) || (at<std::uint16_t>(big, kFlagsAt) & kOverflow) == 0) return false;
    return mark(std::span(std::as_const(big)).subspan(kPageHeader, size));
  }

  bool mark(Bytes numbers) {
    if (numbers.size() < 8) return false;
    std::uint64_t count;
    std::memcpy(&count, numbers.data(), 8);
    if (count > numbers.size() / 8 - 1) return false;
    for (std::uint64_t i = 1; i <= count; ++i) {
      std::uint64_t page;
      std::memcpy(&page, numbers.data() + i * 8, 8);
      if (page >= pages_ && page - pages_ < free_.size()) free_[page - pages_] = true;
    }
    return true;
  }

  const int descriptor_;
  const std::uint64_t pages_, page_bytes_;
  std::uint64_t walked_ = 0;
  std::vector<bool> free_;  ///< of the pages that the file lacks
};

bool lacks_used_pages(int descriptor, std::uint64_t pages, std::uint64_t last, std::uint64_t page_bytes,
                      std::uint64_t id) {
  if (pages < 2) return true;
  std::vector<std::byte> meta(kTransactionAt + 8);
  for (const std::uint64_t page : {0, 1}) {
    if (::pread(descriptor, meta.data(), meta.size(), static_cast<off_t>(page * page_bytes)) !=
        static_cast<ssize_t>(meta.size()))
      return true;
    std::uint64_t transaction, root;
    std::memcpy(&transaction, meta.data() + kTransactionAt, 8);
    std::memcpy(&root, meta.data() + kFreeRootAt, 8);
    if (transaction != id) continue;
    FreeList free(descriptor, pages, last, page_bytes);
    return !free.walk(root) || !free.holds_all();
  }
  // Newer transactions came meanwhile: somebody writes to it, who has looked.
  return false;
}

}  // namespace

bool is_cut(const std::filesystem::path& directory, std::uint64_t last_page, std::uint64_t page_bytes,
            std::uint64_t id) {
  const int descriptor = ::open((directory / "data.mdb").c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct stat facts {};
  const bool known = ::fstat(descriptor, &facts) == 0;
  const std::uint64_t pages = known ? static_cast<std::uint64_t>(facts.st_size) / page_bytes : 0;
  const bool cut =
      known && pages <= last_page && lacks_used_pages(descriptor, pages, last_page, page_bytes, id);
  ::close(descriptor);
  return cut;
}

}  // namespace ledger::store
