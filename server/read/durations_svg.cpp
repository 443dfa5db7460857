#include "server/read/durations_svg.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace ledger::server {
namespace {

using projections::Stage;
using replay::Microdays;
using replay::Survival;
using replay::SurvivalPoint;

constexpr double kWidth = 760, kHeight = 400, kHeightEmpty = 104;
constexpr double kLeft = 58, kRight = 736, kTop = 92, kBottom = 330;
constexpr double kDay = 1'000'000;
/// The share at which the drawing ends: what is beyond takes room and tells of few.
constexpr double kShareAtEnd = 0.01;
constexpr int kTicksMax = 8;

struct Words {
  std::string_view zh, en;
};

Words words_of(Stage stage) {
  switch (stage) {
    case Stage::drafting: return {"起草历时", "Time in drafting"};
    case Stage::queued: return {"待受理历时", "Time in the queue"};
    case Stage::review: return {"审核历时", "Time in review"};
    case Stage::rework: return {"驳回后修改历时", "Time in rework"};
    case Stage::numbering: return {"发号历时", "Time in numbering"};
    case Stage::publication: return {"待公示历时", "Time to publication"};
    case Stage::registration: return {"主体注册历时", "Time in registration"};
    case Stage::initial_review: return {"资质初审历时", "Time in initial review"};
  }
  return {"历时", "Time in the stage"};
}

std::string decimal(double value, int decimals) {
  char text[48];
  return {text, std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, decimals).ptr};
}

/// A coordinate, with no more digits than the eye has use for.
std::string at(double coordinate) {
  std::string text = decimal(coordinate, 1);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

/// Days to one decimal; shorter times to as many as it takes to be none of 0.
std::string days_text(Microdays length) {
  const double days = static_cast<double>(length) / kDay;
  int decimals = 1;
  for (double shown = days * 10; shown < 1 && shown > 0 && decimals < 6; shown *= 10) ++decimals;
  return decimal(days, decimals);
}

/// When survival has come down to a share; nullopt where it never has.
std::optional<Microdays> time_of(const Survival& survival, double share) {
  const auto point =
      std::ranges::find_if(survival.curve, [&](const SurvivalPoint& p) { return p.survival <= share; });
  return point == survival.curve.end() ? std::nullopt : std::optional(point->at);
}

double y_of(double share) {
  return kBottom - share * (kBottom - kTop);
}

/// Days along the x axis.
class Axis {
 public:
  explicit Axis(const Survival& survival) {
    const Microdays last = survival.curve.back().at;
    end_ = std::max(1.0, static_cast<double>(time_of(survival, kShareAtEnd).value_or(last))) * 1.02 / kDay;
    const double least = end_ / kTicksMax;
    const double power = std::floor(std::log10(least));
    const double unit = std::pow(10.0, power);
    step_ = unit * (least <= unit ? 1 : least <= 2 * unit ? 2 : least <= 5 * unit ? 5 : 10);
    decimals_ = std::max(0, static_cast<int>(-std::floor(std::log10(step_) + 1e-9)));
  }
  [[nodiscard]] double x_of(Microdays length) const { return x_of_days(static_cast<double>(length) / kDay); }
  [[nodiscard]] double x_of_days(double days) const {
    return kLeft + std::min(1.0, days / end_) * (kRight - kLeft);
  }
  void append_ticks(std::string& out) const {
    for (int i = 0; i * step_ <= end_; ++i) {
      const std::string x = at(x_of_days(i * step_));
      if (i > 0) {
        out += "<path class=\"grid\" d=\"M" + x + ' ' + at(kTop) + 'V' + at(kBottom) + "\"/>";
      }
      out += "<text class=\"tick\" x=\"" + x + "\" y=\"" + at(kBottom + 19) + "\" text-anchor=\"middle\">" +
             decimal(i * step_, decimals_) + "</text>";
    }
  }

 private:
  double end_ = 1, step_ = 1;
  int decimals_ = 0;
};

/// The points that are drawn: of those on one pixel the last, which holds for what follows.
std::vector<SurvivalPoint> thinned(const Survival& survival, const Axis& axis) {
  std::vector<SurvivalPoint> points;
  double last = -1;
  for (const SurvivalPoint& point : survival.curve) {
    const double x = std::round(axis.x_of(point.at));
    if (x == last) {
      points.back() = point;
    } else {
      points.push_back(point);
    }
    last = x;
    if (x >= kRight) break;
  }
  return points;
}

std::string step_path(const std::vector<SurvivalPoint>& points, const Axis& axis) {
  std::string path = "M" + at(kLeft) + ' ' + at(y_of(1));
  for (const SurvivalPoint& point : points)
    path += 'H' + at(axis.x_of(point.at)) + 'V' + at(y_of(point.survival));
  return path + 'H' + at(kRight);
}

/// Along the upper bounds and back along the lower ones, as far as there are any.
std::string band_path(const std::vector<SurvivalPoint>& points, const Axis& axis) {
  std::string path = "M" + at(kLeft) + ' ' + at(y_of(1));
  std::size_t bounded = 0;
  while (bounded < points.size() && points[bounded].bounded()) {
    path += 'H' + at(axis.x_of(points[bounded].at)) + 'V' + at(y_of(points[bounded].upper));
    ++bounded;
  }
  path += 'H' + at(bounded < points.size() ? axis.x_of(points[bounded].at) : kRight);
  for (std::size_t i = bounded; i-- > 0;) {
    path += 'V' + at(y_of(points[i].lower)) + 'H' + at(axis.x_of(points[i].at));
  }
  return path + 'V' + at(y_of(1)) + 'Z';  // before the first event nothing is uncertain
}

void append_text(std::string& out, std::string_view kind, double x, double y, const std::string& text,
                 std::string_view more = {}) {
  out += "<text class=\"";
  out += kind;
  out += "\" x=\"" + at(x) + "\" y=\"" + at(y) + '"';
  out += more;
  out += '>' + text + "</text>";
}

void append_median(std::string& out, Microdays median, const Axis& axis) {
  const double x = axis.x_of(median), y = y_of(0.5);
  out += "<path class=\"median\" d=\"M" + at(kLeft) + ' ' + at(y) + 'H' + at(x) + 'V' + at(kBottom) + "\"/>";
  out += "<circle class=\"dot\" cx=\"" + at(x) + "\" cy=\"" + at(y) + "\" r=\"4\"/>";
  const bool room_right = x < kLeft + (kRight - kLeft) * 0.7;
  append_text(out, "strong halo", room_right ? x + 10 : x - 10, y - 10,
              "中位数 median " + days_text(median) + " 天 d",
              room_right ? std::string_view{} : std::string_view(R"( text-anchor="end")"));
}

/// What the drawing says, in words.
std::string description(const Durations& durations) {
  if (!durations.survival) {
    return "已结束的样本不足 " + std::to_string(kPublicCellMin) + "，不公布。Fewer than " +
           std::to_string(kPublicCellMin) + " ended stays: not shown.";
  }
  const Survival& survival = *durations.survival;
  if (survival.curve.empty()) {
    return "尚无已结束的样本。No stay has ended yet.";
  }
  std::string text = "样本 " + grouped(survival.samples) + "，已结束 " + grouped(survival.events) + "。" +
                     grouped(survival.samples) + " stays, " + grouped(survival.events) + " ended.";
  if (const auto median = time_of(survival, 0.5)) {
    text +=
        " 半数在 " + days_text(*median) + " 天内结束。Half have ended after " + days_text(*median) + " days.";
  }
  if (const auto most = time_of(survival, 0.1)) {
    text += " 九成在 " + days_text(*most) + " 天内结束。90 % have ended after " + days_text(*most) + " days.";
  }
  return text;
}

constexpr std::string_view kStyle =
    "<style>"
    ":root{--paper:#fff;--ink:#1d242b;--quiet:#59636d;--line:#dcdfe1;--accent:#1f5687}"
    "@media(prefers-color-scheme:dark){"
    ":root{--paper:#1c2227;--ink:#e6e9ec;--quiet:#a3adb6;--line:#343c43;--accent:#86b8e6}}"
    "text{font-family:system-ui,-apple-system,\"PingFang SC\",\"Microsoft YaHei\",\"Noto Sans CJK "
    "SC\",sans-serif;"
    "font-size:13px;fill:var(--quiet)}"
    ".paper{fill:var(--paper)}"
    ".title{font-size:17px;font-weight:650;fill:var(--ink)}"
    ".strong{fill:var(--ink);font-weight:550}"
    ".halo{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}"
    ".tick{font-variant-numeric:tabular-nums}"
    ".grid{stroke:var(--line);fill:none}"
    ".axis{stroke:var(--quiet);fill:none}"
    ".band{fill:var(--accent);opacity:.16}"
    ".curve{stroke:var(--accent);stroke-width:2;fill:none;stroke-linejoin:round}"
    ".median{stroke:var(--ink);stroke-dasharray:3 4;fill:none}"
    ".dot{fill:var(--accent);stroke:var(--paper);stroke-width:2}"
    "</style>";

}  // namespace

std::string draw_durations(const Durations& durations) {
  const Words words = words_of(durations.stage);
  const std::string described = description(durations);
  const bool drawn = durations.survival && !durations.survival->curve.empty();
  const double height = drawn ? kHeight : kHeightEmpty;
  std::string out;
  out.reserve(4'096);
  out += R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 )" + at(kWidth) + ' ' + at(height) +
         "\" width=\"" + at(kWidth) + "\" height=\"" + at(height) +
         R"(" role="img" aria-labelledby="title desc" lang="zh-CN"><title id="title">)";
  out += words.zh;
  out += " · ";
  out += words.en;
  out += "</title><desc id=\"desc\">" + described + "</desc>";
  out += kStyle;
  out += R"(<rect class="paper" width="100%" height="100%"/>)";
  append_text(out, "title", kLeft - 38, 30, std::string(words.zh) + " · " + std::string(words.en));
  if (!drawn) {
    append_text(out, "strong", kLeft - 38, 72, described);
    return out + "</svg>\n";
  }

  const Survival& survival = *durations.survival;
  append_text(out, "", kLeft - 38, 52,
              "样本 " + grouped(survival.samples) + "，已结束 " + grouped(survival.events) + " · " +
                  grouped(survival.samples) + " stays, " + grouped(survival.events) + " ended");
  append_text(out, "", kLeft - 38, 80, "仍未结束的比例 share not ended");
  const Axis axis(survival);
  for (int percent = 0; percent <= 100; percent += 25) {
    const double y = y_of(percent / 100.0);
    if (percent > 0)
      out += "<path class=\"grid\" d=\"M" + at(kLeft) + ' ' + at(y) + 'H' + at(kRight) + "\"/>";
    append_text(out, "tick", kLeft - 8, y + 4.5, std::to_string(percent) + " %", R"( text-anchor="end")");
  }
  axis.append_ticks(out);
  append_text(out, "", kRight, kBottom + 40, "天 days", R"( text-anchor="end")");
  append_text(out, "", kLeft - 38, kHeight - 14,
              "阴影为 95 % 置信区间 · shaded: 95 % interval · 账本位置 position " +
                  grouped(durations.position) + (durations.simulated ? " · 模拟数据 simulated" : ""));
  const std::vector<SurvivalPoint> points = thinned(survival, axis);
  out += "<path class=\"band\" d=\"" + band_path(points, axis) + "\"/>";
  out += "<path class=\"axis\" d=\"M" + at(kLeft) + ' ' + at(kTop) + 'V' + at(kBottom) + 'H' + at(kRight) +
         "\"/>";
  out += "<path class=\"curve\" d=\"" + step_path(points, axis) + "\"/>";
  if (const auto median = time_of(survival, 0.5)) append_median(out, *median, axis);
  return out + "</svg>\n";
}

}  // namespace ledger::server
