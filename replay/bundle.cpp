#include "replay/bundle.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>

#include <boost/json/value.hpp>

#include "events/codec/entry_codec.hpp"
#include "events/codec/json_reader.hpp"
#include "events/core/limits.hpp"
#include "events/crypto/base64.hpp"
#include "events/tlog/lines.hpp"
#include "events/tlog/note.hpp"
#include "events/tlog/tree.hpp"

namespace ledger::replay {
namespace {

using codec::ObjectReader;

/// Positions are written as JSON numbers, which every reader keeps exactly up to here (RFC 8259 section 6).
constexpr std::uint64_t kPositionMax = (std::uint64_t{1} << 53) - 1;
/// The values of these fields are digests of documents.
constexpr std::array kDocumentFields = {field::kCommitmentLetter, field::kResponsibilityStatement,
                                        field::kSelfAssessmentReport, field::kPublicDisclosure};

/// Walks a payload down to the private field that is looked for.
struct FindField {
  std::uint32_t wanted;
  std::string at = {};
  std::uint32_t index = 0;  // of the list element that is being visited
  std::optional<std::string> found = {};

  void hidden(std::uint32_t number, std::string_view name, const Private&) {
    if (number + index == wanted) found = codec::child_pointer(at, name);
  }
  template <typename T>
  void group(std::string_view name, const T& member) {
    into(codec::child_pointer(at, name), member);
  }
  template <typename T>
  void field(unsigned, std::string_view name, const T& member) {
    into(codec::child_pointer(at, name), member);
  }

  template <typename T>
  void into(std::string pointer, const T& member) {
    if constexpr (requires { T::fields(member, *this); }) {
      std::swap(at, pointer);
      T::fields(member, *this);
      std::swap(at, pointer);
    }
  }
  template <typename T>
  void into(const std::string& pointer, const std::vector<T>& members) {
    for (const T& member : members) {
      into(codec::child_pointer(pointer, index), member);
      ++index;
    }
    index = 0;
  }
};

std::string place_in(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = std::ranges::count(before, '\n') + 1;
  const std::size_t begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return "line " + std::to_string(line) + ", column " + std::to_string(offset - begin + 1);
}

/// What the JSON reader says, with the place as people find it: it tells the byte at the end of its detail.
BundleError error_of(const FieldError& fault, std::string_view text) {
  constexpr std::string_view kAt = " at byte ";
  const std::string_view detail = fault.detail;
  const std::size_t at = detail.rfind(kAt);
  std::size_t offset = 0;
  if (at != std::string_view::npos) {
    const std::string_view digits = detail.substr(at + kAt.size());
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), offset);
    if (error == std::errc() && end == digits.data() + digits.size() && offset <= text.size()) {
      return {place_in(text, offset), std::string(detail.substr(0, at))};
    }
  }
  return {fault.pointer, fault.detail};
}

/// Reads the lists; what is wrong goes to `errors`, as everywhere.
class Reader {
 public:
  explicit Reader(std::vector<FieldError>& errors) : errors_(errors) {}

  void head(ObjectReader& root, BundleHead& out) {
    std::string format;
    root.choice("format", {kBundleFormat}, format);
    if (root.text("origin", {}, out.origin) && !tlog::is_key_name(out.origin)) {
      root.fail("origin", "bad_format", "names no log");
    }
    root.uuid("filing", out.filing);
    root.uuid("subject", out.subject);
    std::uint64_t schema = 0;
    if (root.integer("schema", {1, 0xffff}, schema)) out.schema = static_cast<std::uint16_t>(schema);
    if (root.text("checkpoint", {}, out.checkpoint) && out.checkpoint.size() > tlog::kNoteSizeMax) {
      root.fail("checkpoint", "too_long", "longer than any signed note");
    }
  }

  void entry(ObjectReader& item, BundleEntry& out) {
    item.integer("position", {0, kPositionMax}, out.position);
    std::string text;
    if (item.text("entry", {}, text)) {
      if (auto bytes = crypto::base64_decode(text); !bytes) {
        item.fail("entry", "bad_format", "not standard base64");
      } else if (bytes->size() > limits::kEntryBytesMax) {
        item.fail("entry", "too_long", "longer than any entry");
      } else {
        out.entry = std::move(*bytes);
      }
    }
    std::vector<std::string> hashes;
    if (!item.texts("proof", tlog::kProofHashesMax, {}, hashes)) return;
    if (hashes.size() > tlog::kProofHashesMax) {
      return item.fail("proof", "too_many_items", "more hashes than any tree has levels");
    }
    for (const std::string& hash : hashes) {
      const auto digest = tlog::parse_hash(hash);
      if (!digest) return item.fail("proof", "bad_format", "holds what is not 32 bytes in standard base64");
      out.proof.push_back(*digest);
    }
  }

  void disclosure(ObjectReader& item, BundleDisclosure& out) {
    place(item, out);
    std::string salt;
    if (item.text("salt", {}, salt)) {
      if (const auto octets = tlog::parse_hash(salt)) {
        out.salt = octets->bytes;
      } else {
        item.fail("salt", "bad_format", "not 32 bytes in standard base64");
      }
    }
    item.text("value", {}, out.value);
  }

  void document(ObjectReader& item, BundleDocument& out) {
    place(item, out);
    item.digest("digest", out.digest);
  }

  /// A list whose elements ascend by `key`.
  template <typename Item, typename Read, typename Key>
  void list(ObjectReader& root, std::string_view name, std::vector<Item>& out, Read read, Key key) {
    const boost::json::value* member = root.raw(name);
    const boost::json::array* items = member != nullptr ? member->if_array() : nullptr;
    if (items == nullptr) return root.fail(name, "wrong_type", "must be an array");
    const std::string pointer = codec::child_pointer(root.pointer(), name);
    for (std::size_t i = 0; i < items->size(); ++i) {
      ObjectReader item((*items)[i], codec::child_pointer(pointer, i), errors_, codec::Origin::stored);
      Item value;
      (this->*read)(item, value);
      item.finish();
      if (!errors_.empty()) return;  // the first says enough
      if (!out.empty() && !(key(out.back()) < key(value))) {
        return item.fail("position", "out_of_order", "the list must ascend, each place once");
      }
      out.push_back(std::move(value));
    }
  }

 private:
  template <typename Item>
  void place(ObjectReader& item, Item& out) {
    item.integer("position", {0, kPositionMax}, out.position);
    std::uint64_t number = 0;
    if (item.integer("field", {1, 0xffff'ffff}, number)) out.field = static_cast<std::uint32_t>(number);
    item.text("name", {}, out.name);
  }

  std::vector<FieldError>& errors_;
};

constexpr auto kByPosition = [](const auto& item) { return item.position; };
constexpr auto kByField = [](const auto& item) { return std::tuple(item.position, item.field); };

}  // namespace

void BundleWriter::begin(const BundleHead& head) {
  json_.begin_object();
  json_.member("format", kBundleFormat);
  json_.member("origin", head.origin);
  json_.member("filing", head.filing.text());
  json_.key("subject");
  if (head.subject) {
    json_.value(head.subject->text());
  } else {
    json_.value(nullptr);
  }
  json_.member("schema", head.schema);
  json_.member("checkpoint", head.checkpoint);
  json_.key("entries").begin_array();
}

void BundleWriter::enter(Part part) {
  if (part_ == Part::entries && part != Part::entries) {
    json_.end_array().key("disclosures").begin_array();
    part_ = Part::disclosures;
  }
  if (part_ == Part::disclosures && part == Part::documents) {
    json_.end_array().key("documents").begin_array();
    part_ = Part::documents;
  }
}

void BundleWriter::entry(std::uint64_t position, Bytes entry, std::span<const Digest> proof) {
  json_.begin_object();
  json_.member("position", position);
  json_.member("entry", crypto::base64(entry));
  json_.key("proof").begin_array();
  for (const Digest& hash : proof) json_.value(tlog::hash_text(hash));
  json_.end_array().end_object();
}

void BundleWriter::disclosure(const BundleDisclosure& disclosure) {
  enter(Part::disclosures);
  json_.begin_object();
  json_.member("position", disclosure.position);
  json_.member("field", disclosure.field);
  json_.member("name", disclosure.name);
  json_.member("salt", crypto::base64(bytes_of(disclosure.salt)));
  json_.member("value", disclosure.value);
  json_.end_object();
}

void BundleWriter::document(const BundleDocument& document) {
  enter(Part::documents);
  json_.begin_object();
  json_.member("position", document.position);
  json_.member("field", document.field);
  json_.member("name", document.name);
  json_.member("digest", document.digest.text());
  json_.end_object();
}

void BundleWriter::end() {
  enter(Part::documents);
  json_.end_array().end_object();
  out_ += '\n';
}

std::string encode(const Bundle& bundle) {
  std::string text;
  BundleWriter writer(text);
  writer.begin(bundle.head);
  for (const BundleEntry& item : bundle.entries) writer.entry(item.position, item.entry, item.proof);
  for (const BundleDisclosure& item : bundle.disclosures) writer.disclosure(item);
  for (const BundleDocument& item : bundle.documents) writer.document(item);
  writer.end();
  return text;
}

std::expected<Bundle, BundleError> parse_bundle(std::string_view text) {
  if (text.size() > kBundleBytesMax) {
    return std::unexpected(
        BundleError{"", "longer than " + std::to_string(kBundleBytesMax) + " bytes, which no bundle is"});
  }
  const auto document = codec::parse_json(text);
  if (!document) return std::unexpected(error_of(document.error(), text));
  std::vector<FieldError> errors;
  ObjectReader root(document->root(), "", errors, codec::Origin::stored);
  Reader reader(errors);
  Bundle bundle;
  reader.head(root, bundle.head);
  if (errors.empty()) reader.list(root, "entries", bundle.entries, &Reader::entry, kByPosition);
  if (errors.empty()) reader.list(root, "disclosures", bundle.disclosures, &Reader::disclosure, kByField);
  if (errors.empty()) reader.list(root, "documents", bundle.documents, &Reader::document, kByField);
  if (errors.empty()) root.finish();
  if (!errors.empty()) return std::unexpected(BundleError{errors.front().pointer, errors.front().detail});
  return bundle;
}

std::optional<std::string> private_field_pointer(const Payload& payload, std::uint32_t field) {
  FindField find{.wanted = field};
  std::visit([&](const auto& event) { std::remove_cvref_t<decltype(event)>::fields(event, find); }, payload);
  return std::move(find.found);
}

std::vector<BundleDocument> documents_named(const Event& event) {
  std::vector<BundleDocument> named;
  const std::uint64_t position = event.header.position.value;
  for (const codec::PrivateValue& value : codec::private_values(event.payload)) {
    if (std::ranges::find(kDocumentFields, value.field) == kDocumentFields.end()) continue;
    const auto digest = Digest::parse(value.value);
    if (!digest) continue;
    named.push_back({position, value.field, *private_field_pointer(event.payload, value.field), *digest});
  }
  std::visit(
      [&](const auto& payload) {
        if constexpr (requires { payload.public_disclosure.has_value(); }) {
          if (payload.public_disclosure) {
            named.push_back(
                {position, field::kPublicDisclosure, "/public_disclosure", *payload.public_disclosure});
          }
        }
      },
      event.payload);
  return named;
}

}  // namespace ledger::replay
