#include "replay/simulation_texts.hpp"

#include <algorithm>
#include <array>

#include "events/core/credit_code.hpp"
#include "schema/codes.hpp"

namespace ledger::replay {
namespace {

using std::string_view;

constexpr std::array<string_view, 24> kNames = {
    "云帆", "星河", "松涛", "青禾", "远山", "晨光", "蓝鲸", "白桦", "银杏", "飞鸟", "沧浪", "知行",
    "明镜", "万象", "启明", "听雨", "长风", "竹影", "海棠", "朝露", "北辰", "归舟", "南枝", "拾光"};
constexpr std::array<string_view, 8> kTrades = {"网络科技", "信息技术", "智能科技", "数字传媒",
                                                "软件",     "数据服务", "互动娱乐", "电子商务"};
constexpr std::array<string_view, 6> kProducts = {"资讯", "视频", "购物", "出行", "问答", "音乐"};
constexpr std::array<string_view, 5> kFeatures = {"推荐流", "热榜", "站内搜索", "智能对话", "内容审核"};
constexpr std::array<string_view, 6> kFields = {"资讯",     "短视频",   "电子商务",
                                                "本地生活", "在线教育", "办公协作"};
/// By type: what the algorithm is called, and what it is for.
constexpr std::array<std::array<string_view, 2>, 7> kAlgorithms = {
    {{"", ""},
     {"内容生成算法", "应用于内容生成场景，根据用户输入的要求生成文本、图像或语音内容。"},
     {"个性化推送算法", "应用于内容推荐场景，根据用户的浏览与互动行为推送其可能感兴趣的内容。"},
     {"排序精选算法", "应用于榜单展示场景，按照质量与热度对内容排序并精选展示。"},
     {"信息检索算法", "应用于站内搜索场景，根据查询词查找并返回满足需求的内容。"},
     {"内容过滤算法", "应用于内容安全场景，识别并过滤违法和不良信息。"},
     {"调度决策算法", "应用于配送与出行场景，为订单匹配服务人员并规划路线。"}}};
constexpr std::array<string_view, 4> kModels = {"双塔召回与深度排序模型", "基于注意力机制的生成模型",
                                                "梯度提升树与规则引擎", "图神经网络与在线学习"};

struct ReasonRow {
  string_view code, field, note;
};
constexpr std::array<ReasonRow, 6> kSubjectReasons = {{
    {"unsigned", "/documents/commitment_letter", "承诺书未加盖公章，请盖章后重新上传。"},
    {"identity_mismatch", "/legal_representative/id_number", "身份信息与证照不一致，请核对。"},
    {"wrong_template", "/documents/responsibility_statement", "未使用现行模板，请更换。"},
    {"missing_attachment", "/documents/responsibility_statement", "附件无法打开，请重新上传。"},
    {"subject_mismatch", "/website_domain", "网站备案主体不是填报单位，请说明关系。"},
    {"inconsistent_materials", "/basic_information/registered_address", "注册地址与营业执照不一致。"},
}};
constexpr std::array<ReasonRow, 9> kFilingReasons = {{
    {"mechanism_vague", "/details/model", "模型结构说明过于笼统，请补充流程图。"},
    {"inconsistent_materials", "/purpose", "应用目的与自评估报告的表述不一致。"},
    {"conflicting_figures", "/details/data", "数据规模前后矛盾，请核对。"},
    {"output_not_marked", "/details/strategy", "请补充生成内容标识的说明与截图。"},
    {"rights_unproven", "/details/risk_and_prevention", "请补充关闭选项与投诉入口的截图。"},
    {"type_misclassified", "/basic/algorithm_type", "所选类型与实际功能不符。"},
    {"missing_attachment", "/basic/documents/self_assessment_report", "报告缺少附件，请补齐。"},
    {"third_party_unproven", "/details/model", "请补充第三方模型的授权证明。"},
    {"copied_text", "/details/strategy", "文本与范例高度雷同，请如实撰写。"},
}};

template <std::size_t N>
string_view one_of(const std::array<string_view, N>& list, std::uint64_t bits) {
  return list[bits % N];
}

void append(std::string& text, string_view part) {
  text += part;
}
void append(std::string& text, std::uint64_t number) {
  text += std::to_string(number);
}
template <typename... Parts>
std::string text_of(const Parts&... parts) {
  std::string text;
  (append(text, parts), ...);
  return text;
}

/// County-level codes in use: of provinces with many such firms, and all.
struct Counties {
  std::vector<string_view> busy, all;
  Counties() {
    constexpr std::array<string_view, 6> kBusy = {"11", "31", "33", "44", "32", "51"};
    for (const schema::Region& region : schema::regions()) {
      if (region.abolished != 0 || region.code.ends_with("00")) continue;
      all.push_back(region.code);
      if (std::ranges::find(kBusy, region.code.substr(0, 2)) != kBusy.end()) busy.push_back(region.code);
    }
  }
};

template <std::size_t N>
std::vector<GivenReason> chosen(const std::array<ReasonRow, N>& rows, std::uint64_t bits) {
  std::vector<GivenReason> reasons;
  const std::size_t count = 1 + (bits >> 32) % 10 / 5 + (bits >> 40) % 10 / 8;
  for (std::size_t i = 0; i < count; ++i) {
    const ReasonRow& row = rows[(bits + i * 2) % N];
    reasons.push_back({std::string(row.code), std::string(row.field), std::string(row.note)});
  }
  return reasons;
}

}  // namespace

std::string simulated_region(const SimulatedSubject& subject) {
  static const Counties counties;
  const auto& list = (subject.bits >> 8) % 10 < 4 ? counties.busy : counties.all;
  return std::string(list[(subject.bits >> 16) % list.size()]);
}

std::string simulated_credit_code(const SimulatedSubject& subject) {
  const std::string number = std::to_string(subject.number);
  std::string code = "91" + simulated_region(subject) + "MA" + std::string(7 - number.size(), '0') + number;
  code += *credit_code_check_character(code);
  return code;
}

std::string simulated_organization(const SimulatedSubject& subject) {
  const string_view renamed = subject.revision % 4 == 3 ? "集团" : "";
  return text_of("示例", one_of(kNames, subject.bits), one_of(kTrades, subject.bits >> 24),
                 subject.number + 1, renamed, "有限公司");
}

RegisterSubject simulated_registration(const SimulatedSubject& subject) {
  return {.organization_name = simulated_organization(subject),
          .credit_code = simulated_credit_code(subject),
          .region = simulated_region(subject),
          .contact = {.name = text_of("示例联系人", subject.number % 100),
                      .phone = "13700000000",
                      .email = text_of("contact", subject.number, "@example.cn")}};
}

SubjectForm simulated_subject_form(const SimulatedSubject& subject, const SubjectForm::Documents& documents) {
  SubjectForm form;
  form.organization_name = simulated_organization(subject);
  form.credit_code = simulated_credit_code(subject);
  form.region = simulated_region(subject);
  form.website_name = text_of("示例", one_of(kNames, subject.bits), "网");
  form.website_domain = text_of("s", subject.number, ".example.cn");
  form.daily_visits = 1'000 * (1 + (subject.bits >> 28) % 5'000);
  form.basic_information = {.kind = "enterprise",
                            .registered_address = text_of("示例市示例区示例路", 1 + subject.bits % 999, "号",
                                                          1 + subject.revision, "室"),
                            .industry = "信息传输、软件和信息技术服务业"};
  form.certificate = {.kind = "business_license", .number = simulated_credit_code(subject)};
  form.legal_representative = {.name = text_of("示例代表", subject.bits % 100),
                               .id_number = "110101199001010011",
                               .position = {},
                               .phone = "13800000000",
                               .email = "representative@example.cn"};
  form.safety_officer = {.name = text_of("示例负责人", (subject.bits >> 8) % 100),
                         .id_number = {},
                         .position = "算法安全责任人",
                         .phone = "13900000000",
                         .email = "officer@example.cn"};
  form.documents = documents;
  form.confirmed = true;
  return form;
}

std::string simulated_product(const SimulatedSubject& subject, unsigned product) {
  return text_of("示例", one_of(kNames, subject.bits), one_of(kProducts, subject.bits / 24 + product),
                 product + 1);
}

std::vector<std::string> simulated_path(unsigned product, unsigned path) {
  return {"首页", text_of(one_of(kProducts, product), "频道", path + 1)};
}

std::string simulated_feature(unsigned product, unsigned path, unsigned feature) {
  return text_of(one_of(kFeatures, product + path + feature), feature + 1);
}

FilingForm simulated_filing_form(const SimulatedFiling& filing, bool complete,
                                 const FilingForm::Documents& documents, FilingForm::Scope scope) {
  const auto& [name, purpose] = kAlgorithms[static_cast<std::size_t>(filing.type)];
  FilingForm form;
  form.algorithm_name = text_of("示例", one_of(kNames, filing.bits), name, filing.number + 1);
  form.role = filing.role;
  form.purpose = std::string(purpose);
  FilingForm::Basic& basic = form.basic.emplace();
  basic.algorithm_type = filing.type;
  basic.application_field = std::string(one_of(kFields, filing.bits >> 12));
  basic.launched_on = filing.launched_on;
  FilingForm::Details& details = form.details.emplace();
  details.data = text_of("训练与输入数据为公开语料与用户授权的行为日志，共", 1 + (filing.bits >> 16) % 900,
                         "万条，不含敏感个人信息。");
  if (!complete) return form;
  basic.documents = documents;
  details.model =
      text_of("采用", one_of(kModels, filing.bits >> 20), "，第", filing.revision + 1, "版说明附流程图。");
  details.strategy = "先召回候选内容，再按质量与相关性排序，最后经安全策略过滤后展示给用户。";
  details.risk_and_prevention = "可能产生信息茧房与不当内容；设有人工复核、关闭选项与投诉举报入口。";
  if (filing.role == AlgorithmRole::technical_supporter) {
    scope = {};
    scope.technical_service = "向企业客户提供算法能力的接口服务，不直接面向用户。";
  }
  form.scope = std::move(scope);
  return form;
}

std::vector<GivenReason> simulated_subject_reasons(std::uint64_t bits) {
  return chosen(kSubjectReasons, bits);
}

std::vector<GivenReason> simulated_filing_reasons(std::uint64_t bits) {
  return chosen(kFilingReasons, bits);
}

std::vector<GivenReason> all_simulated_reasons(bool of_filings) {
  std::vector<GivenReason> reasons;
  const auto add = [&](const ReasonRow& row) {
    reasons.push_back({std::string(row.code), std::string(row.field), std::string(row.note)});
  };
  if (of_filings) {
    std::ranges::for_each(kFilingReasons, add);
  } else {
    std::ranges::for_each(kSubjectReasons, add);
  }
  return reasons;
}

}  // namespace ledger::replay
