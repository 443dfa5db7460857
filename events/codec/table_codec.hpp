// Reads and writes any struct that describes itself by `fields` (events/core/events.hpp) as the FlatBuffers
// table of the same name. For the .cpp files of this folder only: it pulls in flatbuffers.h.
//
// What stands in the bytes, so that equal values give equal bytes:
//   numbers, codes, dates    left out when 0; an optional one is stored whenever it is there
//   ids, digests             inline structs, left out when all zero; an optional one is stored whenever it is
//   there texts and lists          left out when empty; an optional text is stored whenever it is there
//   tables                   always stored; an optional one whenever it is there
//   hidden, group            never
// Children come first, in the order of `fields`; then the scalars by falling size, so that little is padded.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <flatbuffers/flatbuffers.h>

#include "events/codec/entry_codec.hpp"
#include "events/core/text.hpp"
#include "events/core/types.hpp"

namespace ledger::codec {

/// Accepts any description; serves to ask whether a type has one.
struct AnyVisitor {
  void field(unsigned, std::string_view, const auto&) {}
  void hidden(std::uint32_t, std::string_view, const auto&) {}
  void group(std::string_view, const auto&) {}
};

template <class T>
concept DescribedTable = requires(T& table, AnyVisitor& visit) {
  T::fields(table, visit);
};

/// What an optional or a list holds; void for anything else.
template <class T>
struct ElementOf {
  using Type = void;
};
template <class T>
struct ElementOf<std::optional<T>> {
  using Type = T;
};
template <class T>
struct ElementOf<std::vector<T>> {
  using Type = T;
};
template <class T>
concept Optional = std::same_as<T, std::optional<typename ElementOf<T>::Type>>;
template <class T>
concept List = std::same_as<T, std::vector<typename ElementOf<T>::Type>>;

template <class T>
concept InlineStruct = std::same_as<T, Uuid> || std::same_as<T, Digest>;

/// How a number, code or point in time lies in the bytes. `valid` is false for a code outside its list.
template <class T>
struct ScalarForm {};
template <std::integral T>
struct ScalarForm<T> {
  using Wire = std::conditional_t<std::same_as<T, bool>, std::uint8_t, T>;
  static Wire to(T value) { return static_cast<Wire>(value); }
  static T from(Wire value) { return static_cast<T>(value); }
  static bool valid(T) { return true; }
};
template <class T>
requires std::is_enum_v<T>
struct ScalarForm<T> {
  using Wire = std::underlying_type_t<T>;
  static Wire to(T value) { return static_cast<Wire>(value); }
  static T from(Wire value) { return static_cast<T>(value); }
  static bool valid(T value) { return !code_of(value).empty(); }
};
template <>
struct ScalarForm<Date> {
  using Wire = std::int32_t;
  static Wire to(Date value) { return value.days; }
  static Date from(Wire value) { return Date{value}; }
  static bool valid(Date) { return true; }
};
template <>
struct ScalarForm<TimestampUs> {
  using Wire = std::int64_t;
  static Wire to(TimestampUs value) { return value.value; }
  static TimestampUs from(Wire value) { return TimestampUs{value}; }
  static bool valid(TimestampUs) { return true; }
};
template <class T>
using WireOf = typename ScalarForm<T>::Wire;
template <class T>
concept Scalar = requires {
  typename ScalarForm<T>::Wire;
};

/// Where a table keeps the field with this schema id.
constexpr flatbuffers::voffset_t slot_of(unsigned id) {
  return static_cast<flatbuffers::voffset_t>(4 + 2 * id);
}

/// Ids of one table lie below this; the widest one has 33.
inline constexpr unsigned kTableFieldsMax = 64;

/// Writes tables into a builder that has no open table. After a fault (a code that is not set, a text that is
/// not UTF-8) it keeps building something, which is to be thrown away.
class TableWriter {
 public:
  explicit TableWriter(flatbuffers::FlatBufferBuilder& builder) : builder_(builder) {}

  /// The first fault met, if any: unknown_value or malformed.
  [[nodiscard]] std::optional<CodecError> fault() const { return fault_; }

  template <DescribedTable T>
  flatbuffers::Offset<flatbuffers::Table> write(const T& table) {
    Offsets children{};
    ChildPass child_pass{*this, children};
    T::fields(table, child_pass);
    const auto start = builder_.StartTable();
    add_inline<8>(table, children);
    add_inline<4>(table, children);
    add_inline<2>(table, children);
    add_inline<1>(table, children);
    return {builder_.EndTable(start)};
  }

 private:
  using Offsets = std::array<flatbuffers::uoffset_t, kTableFieldsMax>;

  struct ChildPass {
    TableWriter& writer;
    Offsets& children;
    template <class T>
    void field(unsigned id, std::string_view, const T& member) {
      children.at(id) = writer.child(member);
    }
    void hidden(std::uint32_t, std::string_view, const auto&) {}
    void group(std::string_view, const auto&) {}
  };

  /// Adds the members whose inline size is `Size`; ids and digests, which need no alignment, go with the
  /// bytes.
  template <std::size_t Size>
  struct InlinePass {
    TableWriter& writer;
    const Offsets& children;
    template <class T>
    void field(unsigned id, std::string_view, const T& member) {
      writer.add_member<Size>(slot_of(id), member, children[id]);
    }
    void hidden(std::uint32_t, std::string_view, const auto&) {}
    void group(std::string_view, const auto&) {}
  };

  template <std::size_t Size, DescribedTable T>
  void add_inline(const T& table, const Offsets& children) {
    InlinePass<Size> pass{*this, children};
    T::fields(table, pass);
  }

  template <class T>
  flatbuffers::uoffset_t child(const T& member) {
    if constexpr (std::same_as<T, std::string>) {
      return member.empty() ? 0 : text(member);
    } else if constexpr (DescribedTable<T>) {
      return write(member).o;
    } else if constexpr (List<T>) {
      return member.empty() ? 0 : list(member);
    } else if constexpr (Optional<T>) {
      using Element = typename ElementOf<T>::Type;
      if constexpr (std::same_as<Element, std::string>) {
        return member ? text(*member) : 0;
      } else if constexpr (DescribedTable<Element>) {
        return member ? write(*member).o : 0;
      }
    }
    return 0;
  }

  flatbuffers::uoffset_t text(const std::string& value) {
    if (!is_utf8(value)) fail(CodecError::malformed);
    return builder_.CreateString(value).o;
  }

  template <class Element>
  flatbuffers::uoffset_t list(const std::vector<Element>& members) {
    if constexpr (std::same_as<Element, std::string>) {
      std::vector<flatbuffers::Offset<flatbuffers::String>> offsets;
      offsets.reserve(members.size());
      for (const std::string& member : members) offsets.emplace_back(text(member));
      return builder_.CreateVector(offsets).o;
    } else if constexpr (InlineStruct<Element>) {
      return builder_.CreateVectorOfStructs(members).o;
    } else if constexpr (Scalar<Element>) {
      std::vector<WireOf<Element>> wire;
      wire.reserve(members.size());
      for (const Element& member : members) wire.push_back(to_wire(member));
      return builder_.CreateVector(wire).o;
    } else {
      static_assert(DescribedTable<Element>, "a list of what?");
      std::vector<flatbuffers::Offset<flatbuffers::Table>> offsets;
      offsets.reserve(members.size());
      for (const Element& member : members) offsets.push_back(write(member));
      return builder_.CreateVector(offsets).o;
    }
  }

  template <std::size_t Size, class T>
  void add_member(flatbuffers::voffset_t slot, const T& member, flatbuffers::uoffset_t child) {
    if constexpr (Scalar<T>) {
      if constexpr (sizeof(WireOf<T>) == Size) builder_.AddElement(slot, to_wire(member), WireOf<T>{0});
    } else if constexpr (InlineStruct<T>) {
      if constexpr (Size == 1) {
        if (member != T{}) builder_.AddStruct(slot, &member);
      }
    } else if constexpr (Optional<T> && Scalar<typename ElementOf<T>::Type>) {
      using Element = typename ElementOf<T>::Type;
      if constexpr (sizeof(WireOf<Element>) == Size) {
        if (member) builder_.AddElement(slot, to_wire(*member));
      }
    } else if constexpr (Optional<T> && InlineStruct<typename ElementOf<T>::Type>) {
      if constexpr (Size == 1) {
        if (member) builder_.AddStruct(slot, &*member);
      }
    } else if constexpr (Size == sizeof(flatbuffers::uoffset_t)) {
      builder_.AddOffset(slot, flatbuffers::Offset<void>(child));
    }
  }

  template <Scalar T>
  WireOf<T> to_wire(const T& value) {
    if (!ScalarForm<T>::valid(value)) fail(CodecError::unknown_value);
    return ScalarForm<T>::to(value);
  }

  void fail(CodecError error) {
    if (!fault_) fault_ = error;
  }

  flatbuffers::FlatBufferBuilder& builder_;
  std::optional<CodecError> fault_;
};

/// Reads tables that the generated verifier has passed. `bytes_max` bounds what all texts and lists hold
/// together, so that bytes which name one text a thousand times cannot make it grow.
class TableReader {
 public:
  explicit TableReader(std::size_t bytes_max) : bytes_left_(bytes_max) {}

  /// The first fault met, if any: malformed or unknown_value. What was read is then incomplete.
  [[nodiscard]] std::optional<CodecError> fault() const { return fault_; }

  template <DescribedTable T>
  void read(const flatbuffers::Table& table, T& out) {
    Pass pass{*this, table};
    T::fields(out, pass);
  }

 private:
  struct Pass {
    TableReader& reader;
    const flatbuffers::Table& table;
    template <class T>
    void field(unsigned id, std::string_view, T& member) {
      if (!reader.fault_) reader.member(table, slot_of(id), member);
    }
    void hidden(std::uint32_t, std::string_view, auto&) {}
    void group(std::string_view, auto&) {}
  };

  template <class T>
  void member(const flatbuffers::Table& table, flatbuffers::voffset_t slot, T& out) {
    if constexpr (Scalar<T>) {
      from_wire(table.GetField<WireOf<T>>(slot, 0), out);
    } else if constexpr (InlineStruct<T>) {
      if (const auto* bytes = table.GetStruct<const std::uint8_t*>(slot))
        std::memcpy(&out, bytes, sizeof out);
    } else if constexpr (std::same_as<T, std::string>) {
      if (const auto* value = table.GetPointer<const flatbuffers::String*>(slot)) text(*value, out);
    } else if constexpr (DescribedTable<T>) {
      const auto* value = table.GetPointer<const flatbuffers::Table*>(slot);
      value != nullptr ? read(*value, out) : fail(CodecError::malformed);
    } else if constexpr (List<T>) {
      list(table, slot, out);
    } else {
      static_assert(Optional<T>, "a member of what type?");
      if (table.CheckField(slot)) member(table, slot, out.emplace());
    }
  }

  template <class Element>
  void list(const flatbuffers::Table& table, flatbuffers::voffset_t slot, std::vector<Element>& out) {
    if constexpr (std::same_as<Element, std::string>) {
      const auto* values = vector_at<flatbuffers::Offset<flatbuffers::String>>(table, slot, out);
      for (std::size_t i = 0; i < out.size() && !fault_; ++i) {
        text(*values->Get(static_cast<flatbuffers::uoffset_t>(i)), out[i]);
      }
    } else if constexpr (InlineStruct<Element>) {
      const auto* values = vector_at<const Element*>(table, slot, out);
      if (!out.empty()) std::memcpy(out.data(), values->Data(), out.size() * sizeof(Element));
    } else if constexpr (Scalar<Element>) {
      const auto* values = vector_at<WireOf<Element>>(table, slot, out);
      for (std::size_t i = 0; i < out.size(); ++i) {
        from_wire(values->Get(static_cast<flatbuffers::uoffset_t>(i)), out[i]);
      }
    } else {
      const auto* values = vector_at<flatbuffers::Offset<flatbuffers::Table>>(table, slot, out);
      for (std::size_t i = 0; i < out.size() && !fault_; ++i) {
        read(*values->Get(static_cast<flatbuffers::uoffset_t>(i)), out[i]);
      }
    }
  }

  /// The vector at `slot`, with `out` already of its length (none: empty).
  template <class WireElement, class Element>
  const flatbuffers::Vector<WireElement>* vector_at(const flatbuffers::Table& table,
                                                    flatbuffers::voffset_t slot, std::vector<Element>& out) {
    const auto* values = table.GetPointer<const flatbuffers::Vector<WireElement>*>(slot);
    if (values == nullptr) return nullptr;
    constexpr std::size_t kWireBytes =
        InlineStruct<Element> ? sizeof(Element) : sizeof(flatbuffers::uoffset_t);
    if (spend(values->size() * kWireBytes)) out.resize(values->size());
    return values;
  }

  void text(const flatbuffers::String& value, std::string& out) {
    const std::string_view view{value.c_str(), value.size()};
    if (!spend(view.size())) return;
    is_utf8(view) ? void(out.assign(view)) : fail(CodecError::malformed);
  }

  template <Scalar T>
  void from_wire(WireOf<T> wire, T& out) {
    out = ScalarForm<T>::from(wire);
    if (!ScalarForm<T>::valid(out)) fail(CodecError::unknown_value);
  }

  bool spend(std::size_t bytes) {
    if (bytes > bytes_left_) return fail(CodecError::malformed), false;
    bytes_left_ -= bytes;
    return true;
  }

  void fail(CodecError error) {
    if (!fault_) fault_ = error;
  }

  std::size_t bytes_left_;
  std::optional<CodecError> fault_;
};

/// The bytes at an address that suits FlatBuffers: where they lie, or a copy that lives until this thread's
/// next call for the same owner. LMDB aligns values to two bytes only, and the verifier checks offsets, not
/// addresses.
inline const std::uint8_t* aligned(Bytes bytes, std::vector<std::uint64_t>& copy) {
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(std::uint64_t) == 0) {
    return reinterpret_cast<const std::uint8_t*>(bytes.data());
  }
  const std::size_t words = (bytes.size() + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
  if (copy.size() < words) copy.resize(words);
  std::memcpy(copy.data(), bytes.data(), bytes.size());
  return reinterpret_cast<const std::uint8_t*>(copy.data());
}

}  // namespace ledger::codec
