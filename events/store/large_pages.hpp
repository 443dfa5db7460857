// Memory for tables that are read at random: large blocks lie on huge pages where the kernel gives them, so
// that looking something up does not first miss the processor's address cache.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory_resource>
#include <new>
#include <sys/mman.h>

namespace ledger::store {

/// The size and alignment of a huge page on the machines that we run on; elsewhere only an alignment.
inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

/// Blocks of at least a huge page are rounded up to whole ones, which the kernel is asked to make huge; the
/// rest comes from the heap. Throws std::bad_alloc. Any thread.
class LargePages final : public std::pmr::memory_resource {
 public:
  [[nodiscard]] static std::pmr::memory_resource* instance() {
    static LargePages pages;
    return &pages;
  }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (bytes < kHugePage) return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    const std::size_t whole = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    void* block = std::aligned_alloc(kHugePage, whole);
    if (block == nullptr) throw std::bad_alloc();
    (void)::madvise(block, whole, MADV_HUGEPAGE);  // a wish: without it the block is as good as any
    return block;
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    if (bytes < kHugePage) return std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
    std::free(block);
  }
  [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

}  // namespace ledger::store
