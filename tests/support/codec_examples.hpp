// Values for the tests of the codec, made from the descriptions of the events themselves: every field of
// every type, filled from a seed, the same on every machine. And a dump of any described value as text, one
// line a field.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>

#include "events/codec/entry_codec.hpp"
#include "events/codec/table_codec.hpp"
#include "events/core/events.hpp"

namespace ledger::examples {

enum class Fill : bool {
  some,  ///< optional values, list lengths and private values by chance
  all,   ///< everything present and not zero
};

/// Visitor that fills a described table. The standard distributions differ between libraries, so remainders
/// serve.
class Filler {
 public:
  Filler(std::uint64_t seed, Fill fill) : random_(seed), all_(fill == Fill::all) {}

  template <class T>
  void field(unsigned, std::string_view, T& member) {
    fill(member);
  }
  void hidden(std::uint32_t, std::string_view, Private& member) {
    if (all_ || coin()) member = Private::of(text());
  }
  template <class T>
  void group(std::string_view, T& member) {
    T::fields(member, *this);
  }

  template <class T>
  void fill(T& member) {
    if constexpr (codec::DescribedTable<T>) {
      T::fields(member, *this);
    } else if constexpr (std::same_as<T, bool>) {
      member = all_ || coin();
    } else if constexpr (std::is_enum_v<T>) {
      unsigned count = 0;
      while (!code_of(static_cast<T>(count + 1)).empty()) ++count;
      member = static_cast<T>(1 + below(count));
    } else if constexpr (std::integral<T>) {
      member = static_cast<T>(number());
    } else if constexpr (std::same_as<T, Date>) {
      member.days = static_cast<std::int32_t>(number() % 40'000);
    } else if constexpr (std::same_as<T, TimestampUs>) {
      member.value = static_cast<std::int64_t>(number() % 4'000'000'000'000'000);
    } else if constexpr (codec::InlineStruct<T>) {
      for (std::uint8_t& byte : member.bytes) byte = static_cast<std::uint8_t>(random_());
    } else if constexpr (std::same_as<T, std::string>) {
      member = text();
    } else if constexpr (codec::Optional<T>) {
      if (all_ || coin()) fill(member.emplace());
    } else {
      member.resize(all_ ? 2 : below(4));
      for (auto& element : member) fill(element);
    }
  }

  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

 private:
  bool coin() { return below(2) == 0; }
  std::uint64_t number() {
    if (all_) return 1 + below(200);
    return coin() ? random_() >> below(64) : 0;
  }
  std::string text() {
    static constexpr std::string_view kPieces[] = {"算", "法", "备案", "a", "Z",  "0",
                                                   " ",  "é",  "\n",   "😀", "\"", "、"};
    std::string out;
    const std::uint64_t pieces = (all_ ? 1 : 0) + below(8);
    for (std::uint64_t i = 0; i < pieces; ++i) out += kPieces[below(std::size(kPieces))];
    return out;
  }

  std::mt19937_64 random_;
  bool all_;
};

template <std::size_t Index = 0>
Payload payload_of(std::size_t index) {
  if constexpr (Index < std::variant_size_v<Payload>) {
    if (index == Index) return Payload(std::in_place_index<Index>);
    return payload_of<Index + 1>(index);
  } else {
    throw std::out_of_range("no such event type");
  }
}

inline constexpr std::size_t kTypes = std::variant_size_v<Payload>;

/// An event of the type with this index, and parts with a row for each of its private values.
inline std::pair<Event, codec::EntryParts> example(std::size_t index, std::uint64_t seed, Fill fill) {
  Filler filler(seed * 1'000 + index, fill);
  Event event;
  EventHeader& header = event.header;
  filler.fill(header.event_id);
  filler.fill(header.position.value);
  header.stream.kind = static_cast<StreamKind>(1 + filler.below(4));
  if (header.stream.kind != StreamKind::ledger) filler.fill(header.stream.id);
  filler.fill(header.version);
  filler.fill(header.recorded_at);
  filler.fill(header.effective_on);
  filler.fill(header.actor.principal);
  filler.fill(header.actor.role);
  filler.fill(header.command_id);
  filler.fill(header.step);
  filler.fill(header.steps);
  filler.fill(header.key_tag);
  filler.fill(header.request_tag);
  filler.fill(header.request_tag_from_record);
  filler.fill(header.correlation_id);
  filler.fill(header.causation_id);
  if (header.causation_id) {
    TraceParent& trace = header.trace.emplace();
    for (std::uint8_t& byte : trace.trace_id) byte = static_cast<std::uint8_t>(filler.below(256));
    for (std::uint8_t& byte : trace.parent_id) byte = static_cast<std::uint8_t>(filler.below(256));
    trace.flags = static_cast<std::uint8_t>(filler.below(256));
  }
  event.payload = payload_of(index);
  std::visit([&](auto& payload) { filler.fill(payload); }, event.payload);

  codec::EntryParts parts;
  const auto fields = codec::private_fields(event.payload);
  if (!fields.empty()) parts.records.resize(1 + filler.below(3));
  for (Uuid& record : parts.records) filler.fill(record);
  for (const std::uint32_t field : fields) {
    codec::CommitmentRow row{field, static_cast<std::uint16_t>(filler.below(parts.records.size())), {}};
    filler.fill(row.digest);
    parts.commitments.push_back(row);
  }
  return {std::move(event), std::move(parts)};
}

/// Writes one line a stored field, `path: value`; private values only as `committed`. Absent optional values,
/// empty texts and lists, and zeros are left out, as they are in the bytes.
class Dump {
 public:
  explicit Dump(std::string& out, std::string path = {}) : out_(out), path_(std::move(path)) {}

  template <class T>
  void field(unsigned, std::string_view name, const T& member) {
    put(path_ + std::string(name), member, true);
  }
  void hidden(std::uint32_t, std::string_view, const Private&) {}
  void group(std::string_view, const auto&) {}

  /// `sparing`: a zero, an empty text and an empty list are left out.
  template <class T>
  void put(const std::string& path, const T& value, bool sparing) {
    if constexpr (codec::DescribedTable<T>) {
      out_ += path + ": table\n";
      Dump nested(out_, path + ".");
      T::fields(value, nested);
    } else if constexpr (codec::Scalar<T>) {
      const auto number = codec::ScalarForm<T>::to(value);
      if (!sparing || number != 0) out_ += path + ": " + std::to_string(number) + "\n";
    } else if constexpr (codec::InlineStruct<T>) {
      if (!sparing || value != T{}) out_ += path + ": " + hex(value.bytes) + "\n";
    } else if constexpr (std::same_as<T, std::string>) {
      if (!sparing || !value.empty()) out_ += path + ": " + escaped(value) + "\n";
    } else if constexpr (codec::Optional<T>) {
      if (value) put(path, *value, false);
    } else {
      for (std::size_t i = 0; i < value.size(); ++i)
        put(path + "[" + std::to_string(i) + "]", value[i], false);
    }
  }

  /// One line, whatever the text holds.
  static std::string escaped(std::string_view text) {
    std::string out = "'";
    for (const char c : text) out += c == '\n' ? std::string("\\n") : std::string(1, c);
    return out + "'";
  }

 private:
  std::string& out_;
  std::string path_;
};

/// The stored fields of a table.
template <class T>
std::string dump(const T& table) {
  std::string out;
  Dump visit(out);
  T::fields(table, visit);
  return out;
}

/// A whole decoded entry.
inline std::string dump(const codec::DecodedEntry& entry) {
  const EventHeader& header = entry.event.header;
  std::string out = "type: " + std::string(name_of(type_of(entry.event.payload))) + "\n";
  out += "schema: " + std::to_string(header.schema) + " rules: " + std::to_string(header.rules) + "\n";
  out += "event_id: " + header.event_id.text() + "\n";
  out += "at: " + std::to_string(header.position.value) + " " + header.stream.text() + " version " +
         std::to_string(header.version) + "\n";
  out += "recorded_at: " + header.recorded_at.text() + "\n";
  if (header.effective_on) out += "effective_on: " + header.effective_on->text() + "\n";
  out += "actor: " + header.actor.principal.text() + " " + std::string(code_of(header.actor.role)) + "\n";
  out += "command: " + header.command_id.text() + " " + std::to_string(header.step) + "/" +
         std::to_string(header.steps) + "\n";
  if (header.key_tag) out += "key_tag: " + header.key_tag->hex() + "\n";
  if (header.request_tag) out += "request_tag: " + header.request_tag->hex() + "\n";
  out +=
      std::string("request_tag_from_record: ") + (header.request_tag_from_record ? "true" : "false") + "\n";
  out += "correlation_id: " + header.correlation_id.text() + "\n";
  if (header.causation_id) out += "causation_id: " + header.causation_id->text() + "\n";
  if (header.trace) {
    out += "trace: " + hex(header.trace->trace_id) + " " + hex(header.trace->parent_id) + " " +
           std::to_string(header.trace->flags) + "\n";
  }
  out += std::visit([](const auto& payload) { return dump(payload); }, entry.event.payload);
  for (const Uuid& record : entry.parts.records) out += "record: " + record.text() + "\n";
  for (const codec::CommitmentRow& row : entry.parts.commitments) {
    out += "commitment: " + std::to_string(row.field) + " record " + std::to_string(row.record) + " " +
           row.digest.hex() + "\n";
  }
  return out;
}

/// Whether two texts of bytes are the same.
inline bool same_bytes(Bytes a, Bytes b) {
  return text_of(a) == text_of(b);
}

}  // namespace ledger::examples
