// Events schema.<command tag>: the objects that a command has made, altered or dropped.
//
// The server tells the object access hook of every object that a command touches, and of many that go along: the type
// of a table, the index of a key, the trigger of a foreign key. An event is about what the command is about, so an
// object is left out if it belongs to another one of the same command.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "pg/ddl_events/command_report.hpp"

namespace flowctl::pg::ddl_events {

class TouchedObjects {
  public:
    // `only_extensions`: the other objects are members of an extension.
    explicit TouchedObjects(bool only_extensions) : only_extensions_(only_extensions) {}

    void note(ObjectAccessType access, const ObjectAddress& object, void* argument);
    // One that the hook is not told of.
    void note_altered(const ObjectAddress& object);
    void report(const Observed& command) const;

  private:
    using Key = std::pair<Oid, Oid>;  // catalog, object
    struct Touched {
        const char* action;  // created, altered, dropped
        std::optional<ObjectText> text;  // of a dropped object, since it cannot be read afterwards
        std::vector<Key> belongs_to;     // the same
    };
    bool belongs_to_another(const std::vector<Key>& owners) const;

    bool only_extensions_;
    std::vector<Key> order_;
    std::map<Key, Touched> objects_;
};

}  // namespace flowctl::pg::ddl_events
