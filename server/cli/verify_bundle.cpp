// `verify --bundle`: one filing's evidence, offline.
#include "replay/verify_bundle.hpp"

#include <array>
#include <fstream>
#include <system_error>

#include <spdlog/fmt/fmt.h>

#include "events/crypto/primitives.hpp"
#include "projections/json_writer.hpp"
#include "server/cli/support.hpp"
#include "server/cli/verify.hpp"

namespace ledger::cli {
namespace {

using KeysRead = std::expected<std::vector<crypto::VerifierKey>, std::string>;

/// Keys of one type; the error is a message that names the flag.
KeysRead read_keys(std::string_view flag, const std::vector<std::string>& texts, std::uint8_t type) {
  std::vector<crypto::VerifierKey> keys;
  for (const std::string& text : texts) {
    const auto key = crypto::VerifierKey::parse(text);
    if (!key) return std::unexpected(fmt::format("{}: is no verifier key (name+id+base64): {}", flag, text));
    if (key->type != type) {
      return std::unexpected(fmt::format("{}: is the key of a {}: {}", flag,
                                         type == crypto::kEd25519Type ? "witness" : "log", text));
    }
    keys.push_back(*key);
  }
  return keys;
}

/// The SHA-256 of a file, read in pieces: documents may be large.
std::expected<Digest, std::string> digest_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) return std::unexpected("cannot read " + path.string());
  crypto::Sha256 sha;
  std::array<char, std::size_t{64} << 10> piece;
  do {
    file.read(piece.data(), piece.size());
    sha.update(bytes_of(std::string_view(piece.data(), static_cast<std::size_t>(file.gcount()))));
  } while (file);
  if (file.bad()) return std::unexpected("cannot read " + path.string());
  return sha.finish();
}

std::expected<std::string, std::string> read_bundle(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (!error && size > replay::kBundleBytesMax) {
    return std::unexpected(path.string() + " is no bundle: it is longer than any");
  }
  return read_input(path);
}

template <typename T>
void member_or_null(projections::JsonWriter& json, std::string_view name, const T& value, bool there) {
  json.key(name);
  if (there) {
    json.value(value);
  } else {
    json.value(nullptr);
  }
}

std::string json_report(const replay::BundleReport& report) {
  std::string text;
  projections::JsonWriter json(text);
  json.begin_object();
  json.member("verified", report.verified());
  json.member("origin", report.origin);
  json.member("size", report.size);
  json.member("root", report.root.hex());
  json.member("filing", report.filing.text());
  member_or_null(json, "subject", report.subject.value_or(Uuid{}).text(), report.subject.has_value());
  member_or_null(json, "state", report.state, !report.state.empty());
  member_or_null(json, "number", report.number, !report.number.empty());
  json.member("last_position", report.last_position);
  json.member("entries", std::uint64_t{report.entries});
  json.member("disclosures", std::uint64_t{report.disclosures});
  json.member("documents", std::uint64_t{report.documents});
  json.member("witnesses", std::uint64_t{report.witnesses});
  json.key("checks").begin_array();
  for (const std::string& check : report.checks) json.value(check);
  json.end_array();
  json.key("problem");
  if (report.problem) {
    json.begin_object();
    json.member("where", report.problem->where);
    json.member("what", report.problem->what);
    json.end_object();
  } else {
    json.value(nullptr);
  }
  json.end_object();
  return text;
}

std::string problem_text(const replay::BundleProblem& problem) {
  return (problem.where.empty() ? "the text" : problem.where) + ": " + problem.what;
}

std::string table_report(const replay::BundleReport& report) {
  std::string text;
  for (const std::string& check : report.checks) text += fmt::format("ok      {}\n", check);
  if (report.problem) return text + fmt::format("FAILED  {}", problem_text(*report.problem));
  return text + fmt::format("verified: filing {} is {}{}, as of its event at position {}",
                            report.filing.text(), report.state,
                            report.number.empty() ? "" : " with number " + report.number,
                            report.last_position.value_or(0));
}

}  // namespace

int verify_bundle(const VerifyBundleOptions& options) {
  replay::BundleTrust trust;
  auto log_keys = read_keys("--vkey", options.vkeys, crypto::kEd25519Type);
  if (!log_keys) return fail(kUsage, log_keys.error());
  auto witness_keys = read_keys("--witness", options.witnesses, crypto::kCosignatureType);
  if (!witness_keys) return fail(kUsage, witness_keys.error());
  if (options.witnesses_min > witness_keys->size()) {
    return fail(kUsage, "--witnesses-min: is more than there are --witness keys");
  }
  trust = {std::move(*log_keys), std::move(*witness_keys), options.witnesses_min};

  const auto text = read_bundle(options.bundle);
  if (!text) return fail(kUsage, "--bundle: " + text.error());
  std::vector<replay::BundleFile> files;
  for (const std::filesystem::path& path : options.documents) {
    const auto digest = digest_of(path);
    if (!digest) return fail(kUsage, "--document: " + digest.error());
    files.push_back({path.string(), *digest});
  }

  const auto report = replay::verify_bundle(*text, trust, files);
  if (!report) {
    return fail(kUsage,
                fmt::format("{} is no bundle: {}", options.bundle.string(), report.error().message()));
  }
  const int printed = print_line(options.json ? json_report(*report) : table_report(*report));
  if (printed != kDone || report->verified()) return printed;
  return fail(kDamaged, "the bundle does not verify: " + problem_text(*report->problem));
}

}  // namespace ledger::cli
