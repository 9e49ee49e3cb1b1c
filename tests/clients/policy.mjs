// What may change in a schema that apps rely on; docs/schema-policy.md says it in words.
import { ChangeType, CriticalityLevel, DiffRule, diff } from "@graphql-inspector/core";
import { buildSchema, getNamedType, isInterfaceType, isObjectType } from "graphql";

/** How the description of a type says that apps have to be ready for more of its kind. */
export const OPEN = "More may be added.";

// graphql-inspector takes some of these for safe and others for dangerous.
const NEVER = [
  ChangeType.FieldTypeChanged, ChangeType.FieldArgumentTypeChanged, ChangeType.InputFieldTypeChanged,
  ChangeType.FieldArgumentDefaultChanged, ChangeType.InputFieldDefaultValueChanged, ChangeType.DirectiveUsageInputObjectRemoved,
];
// Each with the type that grows.
const GROWTH = {
  [ChangeType.EnumValueAdded]: ({ enumName }) => enumName,
  [ChangeType.UnionMemberAdded]: ({ unionName }) => unionName,
  [ChangeType.ObjectTypeInterfaceAdded]: ({ addedInterfaceName }) => addedInterfaceName,
};

/** Whether an answer can hold a value of the type. */
function isAnswered(schema, name) {
  const composites = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) || isInterfaceType(type));
  return composites.some((type) => Object.values(type.getFields()).some((field) => getNamedType(field.type).name === name));
}

/** As for fields and values, of which graphql-inspector knows it: an argument may go if it was released as deprecated. */
function removedAfterDeprecation({ changes, oldSchema }) {
  return changes.map((change) => {
    if (change.type !== ChangeType.FieldArgumentRemoved) return change;
    const { typeName, fieldName, removedFieldArgumentName } = change.meta;
    const argument = oldSchema.getType(typeName).getFields()[fieldName].args.find(({ name }) => name === removedFieldArgumentName);
    const level = argument.deprecationReason ? CriticalityLevel.Dangerous : change.criticality.level;
    return { ...change, criticality: { ...change.criticality, level } };
  });
}

/** What of the changes from the released schema to the one of now is refused, each in a sentence. Both are SDL. */
export async function refusals(released, now) {
  const [before, after] = [buildSchema(released), buildSchema(now)];
  const changes = await diff(before, after, [DiffRule.suppressRemovalOfDeprecatedField, removedAfterDeprecation]);
  const refused = changes.filter(({ type, criticality, meta }) => {
    const grows = GROWTH[type] && before.getType(GROWTH[type](meta));
    const closed = grows && isAnswered(before, grows.name) && !grows.description?.includes(OPEN);
    return criticality.level === CriticalityLevel.Breaking || NEVER.includes(type) || Boolean(closed);
  });
  const opened = Object.values(before.getTypeMap()).filter((type) =>
    !type.description?.includes(OPEN) && after.getType(type.name)?.description?.includes(OPEN));
  return [...refused.map(({ message }) => message), ...opened.map(({ name }) => `${name} was released as closed, and is open now`)];
}
