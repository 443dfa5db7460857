#include "events/store/log_signer.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace ledger::store {
namespace {

std::string vkey_of(const std::string& origin, const crypto::SigningKey& key) {
  return crypto::VerifierKey{.name = origin, .key = key.public_key()}.text();
}

std::string id_text(std::uint32_t id) {
  std::array<std::uint8_t, 4> bytes;
  put_be(id, bytes.data());
  return hex(bytes);
}

bool is_key_file(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with("signing-") && name.ends_with(".key");
}

}  // namespace

LogSigner::LogSigner(std::string origin, crypto::SigningKey key) : origin_(std::move(origin)) {
  std::string vkey = vkey_of(origin_, key);
  held_.push_back({std::move(vkey), std::move(key), {}});
}

std::expected<LogSigner, crypto::FileFault> LogSigner::load(const DataDirectory& directory,
                                                            std::string origin) {
  LogSigner signer(std::move(origin));
  std::vector<std::filesystem::path> files;
  if (std::filesystem::exists(directory.signing_key())) files.push_back(directory.signing_key());
  std::error_code code;
  for (const auto& file : std::filesystem::directory_iterator(directory.root, code)) {
    if (is_key_file(file.path())) files.push_back(file.path());
  }
  if (code)
    return std::unexpected(crypto::FileFault{code.value(), "list directory", directory.root.string()});
  for (std::filesystem::path& file : files) {
    auto key = crypto::SigningKey::load(file);
    if (!key) return std::unexpected(std::move(key.error()));
    signer.held_.push_back({vkey_of(signer.origin_, *key), std::move(*key), std::move(file)});
  }
  return signer;
}

std::expected<std::string, crypto::FileFault> LogSigner::make_key(const DataDirectory& directory,
                                                                  const std::string& origin) {
  const crypto::SigningKey key = crypto::SigningKey::generate();
  const crypto::VerifierKey verifier{.name = origin, .key = key.public_key()};
  if (auto saved = key.save(directory.root / ("signing-" + id_text(verifier.id()) + ".key")); !saved) {
    return std::unexpected(std::move(saved.error()));
  }
  return verifier.text();
}

std::filesystem::path LogSigner::file_of(const DataDirectory& directory, const std::string& origin,
                                         std::string_view vkey) {
  const auto signer = load(directory, origin);
  const Held* held = signer ? signer->find(vkey) : nullptr;
  return held != nullptr ? held->file : std::filesystem::path();
}

const LogSigner::Held* LogSigner::find(std::string_view vkey) const {
  const auto at = std::ranges::find(held_, vkey, &Held::vkey);
  return at != held_.end() ? &*at : nullptr;
}

std::vector<std::string> LogSigner::missing(std::span<const std::string> vkeys) const {
  std::vector<std::string> missing;
  std::ranges::copy_if(vkeys, std::back_inserter(missing),
                       [this](const std::string& vkey) { return find(vkey) == nullptr; });
  return missing;
}

tlog::SignedCheckpoint LogSigner::sign(std::uint64_t size, const Digest& root,
                                       std::span<const std::string> vkeys) const {
  std::vector<crypto::SigningKey> keys;
  for (const std::string& vkey : vkeys) {
    const Held* held = find(vkey);
    if (held == nullptr) throw std::invalid_argument("the signing key of " + vkey + " is not here");
    keys.push_back(held->key);
  }
  return tlog::sign_checkpoint({.origin = origin_, .size = size, .root = root}, keys);
}

}  // namespace ledger::store
