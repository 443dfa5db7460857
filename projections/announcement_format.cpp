#include "projections/announcement_format.hpp"

#include <array>

namespace ledger::projections {
namespace {

/// Bytes after which a chunk is long enough.
constexpr std::size_t kChunkBytes = 48 * 1024;

template <typename E>
std::string_view code_or_empty(const std::optional<E>& value) {
  return value ? code_of(*value) : std::string_view{};
}

template <typename E>
void code_member(JsonWriter& json, std::string_view name, const std::optional<E>& value) {
  json.key(name);
  if (value) {
    json.value(code_of(*value));
  } else {
    json.value(nullptr);
  }
}

/// Text of an XML element or attribute. What XML 1.0 has no way to write becomes U+FFFD.
void append_xml(std::string& out, std::string_view text) {
  for (; !text.empty(); text.remove_prefix(1)) {
    const char c = text.front();
    switch (c) {
      case '&': out += "&amp;"; continue;
      case '<': out += "&lt;"; continue;
      case '>': out += "&gt;"; continue;
      case '"': out += "&quot;"; continue;
      case '\r': out += "&#13;"; continue;
      case '\t':
      case '\n': out += c; continue;
      default: break;
    }
    if (static_cast<unsigned char>(c) < 0x20) {
      out += "\uFFFD";
    } else if (text.starts_with("\uFFFE") || text.starts_with("\uFFFF")) {
      out += "\uFFFD";
      text.remove_prefix(2);
    } else {
      out += c;
    }
  }
}

void append_element(std::string& out, std::string_view name, std::string_view text) {
  (((out += '<') += name) += '>');
  append_xml(out, text);
  (((out += "</") += name) += ">\n");
}

void append_link(std::string& out, std::string_view rel, std::string_view href) {
  ((out += "<link rel=\"") += rel) += "\" href=\"";
  append_xml(out, href);
  out += "\"/>\n";
}

void append_category(std::string& out, std::string_view term) {
  if (term.empty()) return;
  out += "<category term=\"";
  append_xml(out, term);
  out += "\"/>\n";
}

void append_content_line(std::string& out, std::string_view label, std::string_view text) {
  if (text.empty()) return;
  out += label;
  append_xml(out, text);
  out += '\n';
}

}  // namespace

std::string_view content_type_of(ListFormat format) {
  switch (format) {
    case ListFormat::json: return "application/json";
    case ListFormat::csv: return "text/csv; charset=utf-8; header=present";
    case ListFormat::atom: return "application/atom+xml";
  }
  return {};
}

void append_members(JsonWriter& json, const Announcement& item) {
  const PublicRecord& record = item.record;
  json.member("number", record.number);
  json.member("algorithm_name", record.algorithm_name);
  code_member(json, "type", record.type);
  code_member(json, "role", record.role);
  json.member("organization_name", record.organization_name);
  json.member("products", record.products);
  json.member("purpose", record.purpose);
  code_member(json, "series", record.series);
  json.member("batch", record.batch);
  json.key("announced_on");
  if (record.announced_on) {
    json.value(record.announced_on->text());
  } else {
    json.value(nullptr);
  }
  json.member("status", record.status);
  json.member("remark", record.remark);
  json.member("position", item.position);
  json.member("filing_id", item.filing_id.text());
  json.key("region");
  if (item.region.empty()) {
    json.value(nullptr);
  } else {
    json.value(item.region);
  }
}

std::string_view csv_header() {
  return "number,algorithm_name,type,role,organization_name,products,purpose,series,batch,announced_on,"
         "status,remark,"
         "position,filing_id,region\r\n";
}

void append_csv_field(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void append_csv(std::string& out, const Announcement& item) {
  const PublicRecord& record = item.record;
  const std::string batch = record.batch ? std::to_string(*record.batch) : std::string();
  const std::string announced_on = record.announced_on ? record.announced_on->text() : std::string();
  const std::string position = std::to_string(item.position), filing_id = item.filing_id.text();
  const std::array<std::string_view, 15> fields = {record.number,
                                                   record.algorithm_name,
                                                   code_or_empty(record.type),
                                                   code_or_empty(record.role),
                                                   record.organization_name,
                                                   record.products,
                                                   record.purpose,
                                                   code_or_empty(record.series),
                                                   batch,
                                                   announced_on,
                                                   record.status,
                                                   record.remark,
                                                   position,
                                                   filing_id,
                                                   item.region};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out += ',';
    append_csv_field(out, fields[i]);
  }
  out += "\r\n";
}

void append_entry(std::string& out, const Announcement& item, const FeedFacts& facts) {
  const PublicRecord& record = item.record;
  out += "<entry>\n";
  append_element(out, "id", "urn:uuid:" + item.event_id.text());
  append_element(out, "title", record.algorithm_name);
  append_element(out, "published", item.announced_at.text());
  append_element(out, "updated", item.updated_at.text());
  if (!facts.item_url.empty()) append_link(out, "alternate", facts.item_url + std::to_string(item.position));
  append_category(out, code_or_empty(record.series));
  append_category(out, code_or_empty(record.type));
  append_category(out, code_or_empty(record.role));
  append_category(out, record.status);
  out += "<content type=\"text\">";
  append_content_line(out, "备案号：", record.number);
  append_content_line(out, "主体：", record.organization_name);
  append_content_line(out, "产品：", record.products);
  append_content_line(out, "用途：", record.purpose);
  append_content_line(out, "状态：", record.status);
  append_content_line(out, "备注：", record.remark);
  out += "</content>\n</entry>\n";
}

AnnouncementPage::AnnouncementPage(const Announcements& announcements, ListFormat format,
                                   Page<std::uint64_t> page, std::uint64_t position,
                                   std::optional<Announcements::LastChange> last_change, FeedFacts facts,
                                   AsOf as_of)
    : announcements_(announcements),
      format_(format),
      page_(std::move(page)),
      position_(position),
      last_change_(last_change),
      facts_(std::move(facts)),
      as_of_(as_of) {}

std::optional<std::string> AnnouncementPage::next_chunk(const store::Transaction& views) {
  if (ended_) return std::nullopt;
  std::string out;
  out.reserve(kChunkBytes + 8 * 1024);
  if (!begun_) begin(out);
  begun_ = true;
  while (done_ < page_.items.size() && out.size() < kChunkBytes) {
    // Items never go away: one that was found once is there in every later snapshot.
    append(out, announcements_.at(views, page_.items[done_], as_of_).value(), done_ == 0);
    ++done_;
  }
  if (done_ == page_.items.size()) {
    end(out);
    ended_ = true;
  }
  return out;
}

void AnnouncementPage::begin(std::string& out) const {
  switch (format_) {
    case ListFormat::json: out += "{\"items\":["; return;
    case ListFormat::csv: out += csv_header(); return;
    case ListFormat::atom: break;
  }
  out +=
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"zh-CN\">\n";
  append_element(out, "id", "urn:uuid:" + facts_.ledger_id.text());
  append_element(out, "title", "算法备案公示");
  append_element(out, "updated", (last_change_ ? last_change_->at : TimestampUs{}).text());
  out += "<author>\n";
  append_element(out, "name", facts_.origin);
  out += "</author>\n";
  append_link(out, "self", facts_.self_url);
  if (page_.next_cursor) append_link(out, "next", facts_.next_url + *page_.next_cursor);
}

void AnnouncementPage::append(std::string& out, const Announcement& item, bool first) const {
  switch (format_) {
    case ListFormat::json: {
      if (!first) out += ',';
      JsonWriter json(out);
      json.begin_object();
      append_members(json, item);
      json.end_object();
      return;
    }
    case ListFormat::csv: append_csv(out, item); return;
    case ListFormat::atom: append_entry(out, item, facts_); return;
  }
}

void AnnouncementPage::end(std::string& out) const {
  switch (format_) {
    case ListFormat::json: {
      out += "],\"next_cursor\":";
      JsonWriter json(out);
      json.value(page_.next_cursor);
      json.member("position", position_);
      out += '}';
      return;
    }
    case ListFormat::csv: return;
    case ListFormat::atom: out += "</feed>\n"; return;
  }
}

}  // namespace ledger::projections
