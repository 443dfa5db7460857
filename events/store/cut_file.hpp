// Whether an LMDB data file was cut: it is shorter than its own pages need. Reading the map beyond a file's
// end would end the process with SIGBUS, so whoever opens one asks first.
#pragma once

#include <cstdint>
#include <filesystem>

namespace ledger::store {

/// `last_page` is the highest page that the transaction `id` of the file in `directory` knows. A file may end
/// before it and be whole: pages that were freed before they were ever written leave such an end. So the file
/// is cut where one of the pages it lacks is not a free one. Reads the file, not the map; the caller holds a
/// read transaction of `id`, so that none of what it reads is used again meanwhile.
[[nodiscard]] bool is_cut(const std::filesystem::path& directory, std::uint64_t last_page,
                          std::uint64_t page_bytes, std::uint64_t id);

}  // namespace ledger::store
