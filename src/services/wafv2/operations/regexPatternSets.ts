/** Regex pattern sets. Source: AWS WAF API Reference; AWS WAF quotas: 10 patterns of up to 200 characters a set. */
import type { Regex as GivenRegex } from "@aws-sdk/client-wafv2";
import type { RegexPatternSetDocument } from "#engines/waf/model.ts";
import { checkedScope, limitExceeded } from "../errors.ts";
import { nextMarker, pageQuery } from "../paging.ts";
import { create, remove, summaryOf, update } from "../resources.ts";
import type { WafHandlers } from "../sdk.ts";
import { pathOfScope, requireNamed, types } from "../state.ts";
import { need } from "../validation/parts.ts";
import { checkRegex } from "../validation/statements.ts";

const mostPatterns = 10;
const longestPattern = 200;

export const regexPatternSetHandlers = {
  async CreateRegexPatternSet(input, ctx) {
    const set = await create(ctx, "regexpatternset", input, { patterns: checkPatterns(input.RegularExpressionList) });
    return { Summary: summaryOf(set) };
  },

  async GetRegexPatternSet(input, ctx) {
    const set = await requireNamed(ctx, "regexpatternset", input);
    return {
      RegexPatternSet: {
        Name: set.name,
        Id: set.id,
        ARN: set.arn,
        ...(set.description === undefined ? {} : { Description: set.description }),
        RegularExpressionList: set.patterns.map((RegexString) => ({ RegexString })),
      },
      LockToken: set.lockToken,
    };
  },

  async UpdateRegexPatternSet(input, ctx) {
    const before = await requireNamed(ctx, "regexpatternset", input);
    const patterns = checkPatterns(input.RegularExpressionList);
    const { description: _, ...rest } = before;
    const changed: RegexPatternSetDocument = {
      ...rest,
      patterns,
      ...(input.Description === undefined ? {} : { description: input.Description }),
    };
    return { NextLockToken: await update(ctx, "regexpatternset", before, input.LockToken, changed) };
  },

  async DeleteRegexPatternSet(input, ctx) {
    await remove(ctx, "regexpatternset", await requireNamed(ctx, "regexpatternset", input), input.LockToken);
    return {};
  },

  async ListRegexPatternSets(input, ctx) {
    checkedScope(input.Scope, ctx.region, "read");
    const page = await ctx.state.list<RegexPatternSetDocument>(
      types.regexPatternSet,
      pageQuery(input, `${pathOfScope(input.Scope)}/`),
    );
    return { RegexPatternSets: page.items.map(({ value }) => summaryOf(value)), ...nextMarker(page.next) };
  },
} satisfies WafHandlers;

function checkPatterns(given: readonly GivenRegex[] | undefined): string[] {
  const patterns = (given ?? []).map(({ RegexString = "" }) => RegexString);
  if (patterns.length > mostPatterns) throw limitExceeded("REGEX_PATTERN_SET");
  for (const pattern of patterns) {
    need(pattern !== "" && pattern.length <= longestPattern, "REGEX_PATTERN_SET", "RegexString");
    checkRegex(pattern, "RegexString");
  }
  return patterns;
}
