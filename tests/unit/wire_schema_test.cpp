// Holds the descriptions in C++ (`fields`) and the schemas together by FlatBuffers' reflection: same tables,
// same fields, same types, nothing missing on either side; and lets reflection, which knows nothing of our
// codec, read what the codec wrote.
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <catch2/catch.hpp>
#include <flatbuffers/reflection.h>

#include "events/codec/state_codec.hpp"
#include "schema/released.hpp"
#include "tests/support/codec_examples.hpp"

namespace ledger {
namespace {

using reflection::BaseType;

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// A binary schema, which lives as long as the test program.
const reflection::Schema& schema(const std::string& name) {
  static std::map<std::string, std::string> files;
  std::string& bytes = files[name];
  if (bytes.empty()) bytes = slurp(std::string(LEDGER_WIRE_DIR) + "/" + name + ".bfbs");
  flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  REQUIRE(reflection::VerifySchemaBuffer(verifier));
  return *reflection::GetSchema(bytes.data());
}

std::string bare(const flatbuffers::String* name) {
  const std::string text = name->str();
  return text.substr(text.rfind('.') + 1);
}

const reflection::Object* table_named(const reflection::Schema& in, const std::string& name) {
  return in.objects()->LookupByKey(("ledger.wire." + name).c_str());
}

/// `filing.submitted` -> `FilingSubmitted`, the name of its table.
std::string table_name(std::string_view event_name) {
  std::string out;
  bool upper = true;
  for (const char c : event_name) {
    if (c == '.' || c == '_') {
      upper = true;
    } else {
      out += upper ? static_cast<char>(c - 'a' + 'A') : c;
      upper = false;
    }
  }
  return out;
}

std::string base_name(BaseType type) {
  return reflection::EnumNameBaseType(type);
}

/// A field's type as text: `Int`, `Int?` (= null), `UByte Role`, `Obj Id`, `Vector String`. Reflection calls
/// everything that is not a number optional.
std::string type_text(const reflection::Schema& in, const reflection::Field& field) {
  const reflection::Type& type = *field.type();
  const auto one = [&](BaseType base) {
    if (type.index() < 0) return base_name(base);
    const auto index = static_cast<flatbuffers::uoffset_t>(type.index());
    return base_name(base) + " " +
           (base == reflection::Obj ? bare(in.objects()->Get(index)->name())
                                    : bare(in.enums()->Get(index)->name()));
  };
  const std::string text =
      type.base_type() == reflection::Vector ? "Vector " + one(type.element()) : one(type.base_type());
  return field.optional() && flatbuffers::IsScalar(type.base_type()) ? text + "?" : text;
}

template <class T>
std::string code_list_name() {
  if constexpr (std::same_as<T, Role>) return "Role";
  if constexpr (std::same_as<T, AlgorithmType>) return "AlgorithmType";
  if constexpr (std::same_as<T, AlgorithmRole>) return "AlgorithmRole";
  if constexpr (std::same_as<T, ProductForm>) return "ProductForm";
  if constexpr (std::same_as<T, DisplayChannel>) return "DisplayChannel";
  if constexpr (std::same_as<T, Series>) return "Series";
  if constexpr (std::same_as<T, SubjectStatus>) return "SubjectStatus";
  if constexpr (std::same_as<T, FilingStatus>) return "FilingStatus";
  return "?";
}

/// Collects a described table as `id name: type` lines, and checks the tables it holds on the way.
class Describe {
 public:
  explicit Describe(const reflection::Schema& in) : in_(in) {}

  template <class T>
  void field(unsigned id, std::string_view name, const T&) {
    const bool fresh = ids_.insert(id).second;
    CHECK(fresh);
    lines_.insert(std::to_string(id) + " " + std::string(name) + ": " + type_of_member<T>(name));
  }
  void hidden(std::uint32_t number, std::string_view, const Private&) {
    const bool fresh = hidden_.insert(number).second;
    CHECK(fresh);
  }
  template <class T>
  void group(std::string_view, const T& member) {
    T::fields(member, *this);
  }

  /// Compares with the table of this name.
  template <class T>
  static void compare(const reflection::Schema& in, const std::string& name) {
    CAPTURE(name);
    const reflection::Object* table = table_named(in, name);
    REQUIRE(table != nullptr);
    CHECK_FALSE(table->is_struct());
    Describe visit(in);
    const T value{};
    T::fields(value, visit);
    std::set<std::string> stated;
    for (const reflection::Field* field : *table->fields()) {
      CHECK_FALSE(field->deprecated());
      CHECK_FALSE(field->required());
      CHECK(field->default_integer() == 0);
      stated.insert(std::to_string(field->id()) + " " + field->name()->str() + ": " + type_text(in, *field));
    }
    CHECK(visit.lines_ == stated);
  }

 private:
  template <class T>
  std::string type_of_member(std::string_view name) {
    if constexpr (codec::DescribedTable<T>) {
      return "Obj " + nested<T>(name);
    } else if constexpr (std::same_as<T, Uuid>) {
      return "Obj Id";
    } else if constexpr (std::same_as<T, Digest>) {
      return "Obj Hash";
    } else if constexpr (std::same_as<T, std::string>) {
      return "String";
    } else if constexpr (std::same_as<T, bool>) {
      return "Bool";
    } else if constexpr (std::is_enum_v<T>) {
      return "UByte " + code_list_name<T>();
    } else if constexpr (codec::Scalar<T>) {
      using Wire = codec::WireOf<T>;
      constexpr std::string_view kNames[] = {"Byte", "Short", "Int", "Long"};
      const auto text = std::string(kNames[std::countr_zero(sizeof(Wire))]);
      return std::is_signed_v<Wire> ? text : "U" + text;
    } else if constexpr (codec::Optional<T>) {
      using Element = typename codec::ElementOf<T>::Type;
      return type_of_member<Element>(name) + (codec::Scalar<Element> ? "?" : "");
    } else {
      return "Vector " + type_of_member<typename codec::ElementOf<T>::Type>(name);
    }
  }

  /// Compares a nested table too, and gives its name in the schema.
  template <class T>
  std::string nested(std::string_view name) {
    std::string table;
    if constexpr (std::same_as<T, PublicRecord>) table = "PublicRecord";
    if constexpr (std::same_as<T, Reason>) table = "Reason";
    if constexpr (std::same_as<T, SubjectInformation>) table = "SubjectInformation";
    if constexpr (std::same_as<T, FilingInformation>) table = "FilingInformation";
    if constexpr (std::same_as<T, FeatureState>) table = "FeatureState";
    if constexpr (std::same_as<T, WebhookState>) table = "WebhookState";
    if constexpr (std::same_as<T, AccessPathState>) table = "AccessPathState";
    CAPTURE(name);
    REQUIRE_FALSE(table.empty());
    compare<T>(in_, table);
    return table;
  }

  const reflection::Schema& in_;
  std::set<std::string> lines_;
  std::set<unsigned> ids_;
  std::set<std::uint32_t> hidden_;
};

template <class E>
void compare_codes(const reflection::Schema& in) {
  const std::string name = code_list_name<E>();
  CAPTURE(name);
  const reflection::Enum* list = in.enums()->LookupByKey(("ledger.wire." + name).c_str());
  REQUIRE(list != nullptr);
  std::vector<std::string> stated, ours{"none"};
  for (const reflection::EnumVal* value : *list->values()) {
    CHECK(value->value() == static_cast<std::int64_t>(stated.size()));
    stated.push_back(value->name()->str());
  }
  for (unsigned i = 1; !code_of(static_cast<E>(i)).empty(); ++i)
    ours.emplace_back(code_of(static_cast<E>(i)));
  CHECK(stated == ours);
}

/// Writes the same dump as examples::Dump, but read by reflection.
class ReflectedDump {
 public:
  ReflectedDump(const reflection::Schema& in, std::string& out) : in_(in), out_(out) {}

  void table(const flatbuffers::Table& table, const reflection::Object& object, const std::string& path) {
    std::vector<const reflection::Field*> by_id(object.fields()->size());
    for (const reflection::Field* field : *object.fields()) by_id.at(field->id()) = field;
    for (const reflection::Field* field : by_id) member(table, *field, path + field->name()->str());
  }

 private:
  void member(const flatbuffers::Table& table, const reflection::Field& field, const std::string& path) {
    const reflection::Type& type = *field.type();
    if (!table.CheckField(field.offset())) return;
    if (type.base_type() == reflection::String) {
      text(*flatbuffers::GetFieldS(table, field), path);
    } else if (type.base_type() == reflection::Vector) {
      vector(*flatbuffers::GetFieldAnyV(table, field), type, path);
    } else if (type.base_type() != reflection::Obj) {
      number(flatbuffers::GetAnyFieldI(table, field), type.base_type(), path);
    } else {
      const reflection::Object& object =
          *in_.objects()->Get(static_cast<flatbuffers::uoffset_t>(type.index()));
      object.is_struct() ? bytes(table.GetStruct<const std::uint8_t*>(field.offset()), object, path)
                         : nested(*flatbuffers::GetFieldT(table, field), object, path);
    }
  }

  void vector(const flatbuffers::VectorOfAny& values, const reflection::Type& type, const std::string& path) {
    for (flatbuffers::uoffset_t i = 0; i < values.size(); ++i) {
      const std::string at = path + "[" + std::to_string(i) + "]";
      if (type.element() == reflection::String) {
        text(*flatbuffers::GetAnyVectorElemPointer<const flatbuffers::String>(&values, i), at);
      } else if (type.element() != reflection::Obj) {
        number(flatbuffers::GetAnyVectorElemI(&values, type.element(), i), type.element(), at);
      } else {
        const reflection::Object& object =
            *in_.objects()->Get(static_cast<flatbuffers::uoffset_t>(type.index()));
        if (object.is_struct()) {
          bytes(flatbuffers::GetAnyVectorElemAddressOf<const std::uint8_t>(
                    &values, i, static_cast<std::size_t>(object.bytesize())),
                object, at);
        } else {
          nested(*flatbuffers::GetAnyVectorElemPointer<const flatbuffers::Table>(&values, i), object, at);
        }
      }
    }
  }

  void nested(const flatbuffers::Table& value, const reflection::Object& object, const std::string& path) {
    out_ += path + ": table\n";
    table(value, object, path + ".");
  }
  void text(const flatbuffers::String& value, const std::string& path) {
    out_ += path + ": " + examples::Dump::escaped(value.str()) + "\n";
  }
  void number(std::int64_t value, BaseType type, const std::string& path) {
    out_ += path + ": " +
            (type == reflection::ULong ? std::to_string(static_cast<std::uint64_t>(value))
                                       : std::to_string(value)) +
            "\n";
  }
  void bytes(const std::uint8_t* value, const reflection::Object& object, const std::string& path) {
    out_ += path + ": " + hex(std::span(value, static_cast<std::size_t>(object.bytesize()))) + "\n";
  }

  const reflection::Schema& in_;
  std::string& out_;
};

std::string dump_by_reflection(const reflection::Schema& in, const flatbuffers::Table& table,
                               const std::string& name) {
  std::string out;
  const reflection::Object* object = table_named(in, name);
  REQUIRE(object != nullptr);
  ReflectedDump(in, out).table(table, *object, "");
  return out;
}

}  // namespace

TEST_CASE("every payload struct and its table have the same fields") {
  const reflection::Schema& in = schema("ledger");
  const reflection::Enum* payloads = in.enums()->LookupByKey("ledger.wire.Payload");
  REQUIRE(payloads != nullptr);
  REQUIRE(payloads->values()->size() == examples::kTypes + 1);
  std::size_t compared = 0;
  for (std::size_t index = 0; index < examples::kTypes; ++index) {
    const auto type = static_cast<EventType>(index + 1);
    const reflection::EnumVal* member = payloads->values()->LookupByKey(static_cast<std::int64_t>(type));
    REQUIRE(member != nullptr);
    CHECK(member->name()->str() == table_name(name_of(type)));
    std::visit(
        [&](const auto& payload) {
          Describe::compare<std::remove_cvref_t<decltype(payload)>>(in, table_name(name_of(type)));
        },
        examples::payload_of(index));
    ++compared;
  }
  CHECK(compared == 50);
}

TEST_CASE("no table of the schema stands without a struct") {
  std::set<std::string> ours{"Entry", "PublicRecord", "Reason", "SubjectInformation", "FilingInformation"};
  for (std::size_t index = 0; index < examples::kTypes; ++index) {
    ours.insert(table_name(name_of(static_cast<EventType>(index + 1))));
  }
  std::set<std::string> stated;
  for (const reflection::Object* object : *schema("ledger").objects()) {
    if (!object->is_struct()) stated.insert(bare(object->name()));
  }
  CHECK(stated == ours);
  for (const char* name : {"LedgerState", "WebhookState", "GrantState", "SubjectState", "FeatureState",
                           "AccessPathState", "ProductState", "FilingState"}) {
    ours.insert(name);
  }
  stated.clear();
  for (const reflection::Object* object : *schema("views").objects()) {
    if (!object->is_struct()) stated.insert(bare(object->name()));
  }
  CHECK(stated == ours);
}

TEST_CASE("every code list has the same numbers and words in the schema") {
  const reflection::Schema& in = schema("views");  // includes ledger.fbs
  compare_codes<Role>(in);
  compare_codes<AlgorithmType>(in);
  compare_codes<AlgorithmRole>(in);
  compare_codes<ProductForm>(in);
  compare_codes<DisplayChannel>(in);
  compare_codes<Series>(in);
  compare_codes<SubjectStatus>(in);
  compare_codes<FilingStatus>(in);
}

TEST_CASE("every state struct and its table have the same fields") {
  const reflection::Schema& in = schema("views");
  Describe::compare<LedgerState>(in, "LedgerState");
  Describe::compare<GrantState>(in, "GrantState");
  Describe::compare<SubjectState>(in, "SubjectState");
  Describe::compare<ProductState>(in, "ProductState");
  Describe::compare<FilingState>(in, "FilingState");
}

TEST_CASE("reflection reads in every payload what the codec wrote") {
  const reflection::Schema& in = schema("ledger");
  for (const auto fill : {examples::Fill::all, examples::Fill::some}) {
    for (std::size_t index = 0; index < examples::kTypes; ++index) {
      const auto type = static_cast<EventType>(index + 1);
      CAPTURE(name_of(type));
      const auto [event, parts] = examples::example(index, 21, fill);
      const auto bytes = codec::encode_entry(event, parts);
      REQUIRE(bytes.has_value());
      const auto* root = flatbuffers::GetRoot<flatbuffers::Table>(bytes->data());
      const reflection::Field* payload_field = table_named(in, "Entry")->fields()->LookupByKey("payload");
      REQUIRE(payload_field != nullptr);
      const auto* payload = flatbuffers::GetFieldT(*root, *payload_field);
      REQUIRE(payload != nullptr);
      const std::string ours =
          std::visit([](const auto& table) { return examples::dump(table); }, event.payload);
      CHECK(dump_by_reflection(in, *payload, table_name(name_of(type))) == ours);
      CHECK(flatbuffers::Verify(in, *table_named(in, "Entry"),
                                reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()));
    }
  }
}

TEST_CASE("reflection reads in a state what the codec wrote") {
  const reflection::Schema& in = schema("views");
  examples::Filler filler(31, examples::Fill::all);
  FilingState filing;
  filler.fill(filing);
  const auto filing_row = codec::encode_state(filing);
  CHECK(dump_by_reflection(in, *flatbuffers::GetRoot<flatbuffers::Table>(filing_row.data()), "FilingState") ==
        examples::dump(filing));
  ProductState product;
  filler.fill(product);
  const auto product_row = codec::encode_state(product);
  CHECK(dump_by_reflection(in, *flatbuffers::GetRoot<flatbuffers::Table>(product_row.data()),
                           "ProductState") == examples::dump(product));
}

// `flatc --conform` (the test schema_conforms) catches the rest, but lets a new `required` pass, which would
// make every stored entry unreadable.
TEST_CASE("no field of a released table has become required") {
  const reflection::Schema& now = schema("ledger");
  const reflection::Schema& released = schema("ledger.v1");
  for (const reflection::Object* before : *released.objects()) {
    const reflection::Object* after = now.objects()->LookupByKey(before->name()->c_str());
    CAPTURE(before->name()->str());
    REQUIRE(after != nullptr);
    for (const reflection::Field* field : *after->fields()) {
      const reflection::Field* old = before->fields()->LookupByKey(field->name()->c_str());
      CHECK((!field->required() || (old != nullptr && old->required())));
    }
  }
}

TEST_CASE("released schemas are served as they lie in schema/released") {
  REQUIRE(released_schema(1).has_value());
  CHECK(*released_schema(1) == slurp(std::string(LEDGER_SCHEMA_DIR) + "/released/ledger.v1.fbs"));
  CHECK_FALSE(released_schema(0).has_value());
  CHECK_FALSE(released_schema(-1).has_value());
  CHECK_FALSE(released_schema(2).has_value());
}

}  // namespace ledger
