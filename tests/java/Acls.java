import java.util.List;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** What a user may do. */
final class Acls {
    private static AclBinding binding(Call call) {
        return new AclBinding(
            new ResourcePattern(ResourceType.fromString(call.text("type", "TOPIC")), call.text("name"),
                PatternType.fromString(call.text("pattern", "LITERAL"))),
            new AccessControlEntry("User:" + call.text("user"), "*", AclOperation.fromString(call.text("operation")),
                AclPermissionType.fromString(call.text("permission"))));
    }

    /** type? (TOPIC), name, user, operation, permission: ALLOW or DENY. */
    static Object add(Call call) throws Exception {
        try (Admin admin = Admin.create(Call.client(call.text("bootstrap")))) {
            admin.createAcls(List.of(binding(call))).all().get();
        }
        return true;
    }

    /** As add.  Returns how many were there. */
    static Object remove(Call call) throws Exception {
        try (Admin admin = Admin.create(Call.client(call.text("bootstrap")))) {
            return admin.deleteAcls(List.of(binding(call).toFilter())).all().get().size();
        }
    }
}
