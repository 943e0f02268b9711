/** Rules as calls show them: bytes are bytes again. */
import type { Rule as ShownRule, Statement as ShownStatement } from "@aws-sdk/client-wafv2";
import {
  labelPrefix,
  type Rule,
  type RuleGroupDocument,
  type Statement,
  type WebAclDocument,
} from "#engines/waf/model.ts";

export const shownRules = (rules: readonly Rule[]): ShownRule[] =>
  rules.map((rule) => ({ ...rule, Statement: shownStatement(rule.Statement) }));

function shownStatement(statement: Statement): ShownStatement {
  const { ByteMatchStatement, AndStatement, OrStatement, NotStatement, RateBasedStatement, ...rest } = statement;
  return {
    ...rest,
    ...(ByteMatchStatement
      ? {
          ByteMatchStatement: {
            ...ByteMatchStatement,
            SearchString: Buffer.from(ByteMatchStatement.SearchString, "base64"),
          },
        }
      : {}),
    ...(AndStatement ? { AndStatement: { Statements: AndStatement.Statements.map(shownStatement) } } : {}),
    ...(OrStatement ? { OrStatement: { Statements: OrStatement.Statements.map(shownStatement) } } : {}),
    ...(NotStatement ? { NotStatement: { Statement: shownStatement(NotStatement.Statement) } } : {}),
    ...(RateBasedStatement ? { RateBasedStatement: shownRate(RateBasedStatement) } : {}),
  };
}

function shownRate({
  ScopeDownStatement,
  ...rest
}: NonNullable<Statement["RateBasedStatement"]>): NonNullable<ShownStatement["RateBasedStatement"]> {
  return { ...rest, ...(ScopeDownStatement ? { ScopeDownStatement: shownStatement(ScopeDownStatement) } : {}) };
}

export const groupNamespace = (group: RuleGroupDocument): string => labelPrefix(group, "rulegroup");

/** Labels that the rules of a group add, fully qualified. */
export function availableLabels(group: RuleGroupDocument): { Name: string }[] {
  const names = group.rules.flatMap(({ RuleLabels = [] }) =>
    RuleLabels.map(({ Name }) => groupNamespace(group) + Name!),
  );
  return [...new Set(names)].map((Name) => ({ Name }));
}

/** Labels and namespaces that the rules of a group look for. */
export function consumedLabels(group: RuleGroupDocument): { Name: string }[] {
  const names = new Set<string>();
  const visit = (statement: Statement): void => {
    if (statement.LabelMatchStatement) names.add(statement.LabelMatchStatement.Key!);
    for (const inner of statement.AndStatement?.Statements ?? statement.OrStatement?.Statements ?? []) visit(inner);
    if (statement.NotStatement) visit(statement.NotStatement.Statement);
    if (statement.RateBasedStatement?.ScopeDownStatement) visit(statement.RateBasedStatement.ScopeDownStatement);
  };
  for (const rule of group.rules) visit(rule.Statement);
  return [...names].map((Name) => ({ Name }));
}

export function shownWebAcl(webAcl: WebAclDocument) {
  return {
    Name: webAcl.name,
    Id: webAcl.id,
    ARN: webAcl.arn,
    DefaultAction: webAcl.defaultAction,
    ...(webAcl.description === undefined ? {} : { Description: webAcl.description }),
    Rules: shownRules(webAcl.rules),
    VisibilityConfig: webAcl.visibility,
    ...(webAcl.dataProtection ? { DataProtectionConfig: webAcl.dataProtection } : {}),
    Capacity: webAcl.capacity,
    ManagedByFirewallManager: false,
    RetrofittedByFirewallManager: false,
    LabelNamespace: labelPrefix(webAcl, "webacl"),
    ...(webAcl.customResponseBodies ? { CustomResponseBodies: webAcl.customResponseBodies } : {}),
    ...(webAcl.captcha ? { CaptchaConfig: webAcl.captcha } : {}),
    ...(webAcl.challenge ? { ChallengeConfig: webAcl.challenge } : {}),
    ...(webAcl.tokenDomains ? { TokenDomains: webAcl.tokenDomains } : {}),
  };
}
