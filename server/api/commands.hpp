// The bodies of all commands, one reader each: JSON to Command. They hold a body to its shape, its members to
// their types and limits; whether the command is legal is for `decide` to say.
#pragma once

#include "server/api/routes.hpp"

namespace ledger::server::commands {

// Access.
Command grant_access(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command revoke_access(const Ids&, const boost::json::value&, std::vector<FieldError>&);
// Subjects.
Command register_subject(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command submit_subject(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command approve_subject(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command reject_subject(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command change_subject(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command approve_subject_change(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command reject_subject_change(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command close_subject(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command place_hold(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command lift_hold(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command erase_subject(const Ids&, const boost::json::value&, std::vector<FieldError>&);
// Calendars.
Command publish_calendar(const Ids&, const boost::json::value&, std::vector<FieldError>&);
// Webhooks.
Command register_webhook(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command remove_webhook(const Ids&, const boost::json::value&, std::vector<FieldError>&);
// The product tree.
Command add_product(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command update_product(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command remove_product(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command add_access_path(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command update_access_path(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command remove_access_path(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command add_feature(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command update_feature(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command remove_feature(const Ids&, const boost::json::value&, std::vector<FieldError>&);
// Filings.
Command create_filing(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command save_draft(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command discard_draft(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command submit_filing(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command withdraw_filing(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command start_review(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command approve_filing(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command reject_filing(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command assign_number(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command publish_filing(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command record_display(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command submit_change(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command withdraw_change(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command approve_change(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command reject_change(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command request_cancellation(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command reject_cancellation(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command cancel_filing(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command revoke_filing(const Ids&, const boost::json::value&, std::vector<FieldError>&);
Command correct_announcement(const Ids&, const boost::json::value&, std::vector<FieldError>&);

}  // namespace ledger::server::commands
