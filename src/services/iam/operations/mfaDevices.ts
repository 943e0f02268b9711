/** Virtual MFA devices. Source: IAM API reference, CreateVirtualMFADevice …; texts recorded from AWS by LocalStack. */
import type { CallContext } from "#gateway/context.ts";
import { isRootItself, entitiesById, putEntity, readPath, requireUser, userOrCaller } from "../entities.ts";
import { alreadyExists, deleteConflict, invalidInput, noSuch, quotaExceeded, validationError } from "../errors.ts";
import { protectSeed, synchronize } from "../mfa.ts";
import { pageOfArray } from "../paging.ts";
import { qrPng } from "../qr.ts";
import { quotas } from "../quotas.ts";
import { tagsOf, userSummary } from "../render.ts";
import type { IamHandlers } from "../sdk.ts";
import { iamState, type IamState, type MfaDevice } from "../state.ts";
import { readTags } from "../tags.ts";
import { base32, newSeed } from "../totp.ts";

interface Owner {
  id: string;
  name: string;
  mfa: readonly string[];
  put(mfa: string[]): void;
}

async function ownerOf(ctx: CallContext, state: IamState, userName: string | undefined): Promise<Owner> {
  // EnableMFADevice requires a user name; the root user gives its account id, and so may ListMFADevices of it.
  const rootByName = ctx.principal.kind === "root" && userName === state.account;
  if (rootByName || isRootItself(ctx, userName)) {
    const root = (await state.get("root", "root")) ?? { accessKeys: [], mfa: [] };
    return {
      id: state.account,
      name: state.account,
      mfa: root.mfa,
      put: (mfa) => state.put("root", "root", { ...root, mfa }),
    };
  }
  const user = userName === undefined ? await userOrCaller(ctx, state, undefined) : await requireUser(state, userName);
  return { id: user.id, name: user.name, mfa: user.mfa, put: (mfa) => putEntity(state, "user", { ...user, mfa }) };
}

async function requireDevice(state: IamState, serial: string): Promise<MfaDevice> {
  const device = await state.get("mfaDevice", serial);
  if (!device || device.retired) throw noSuch.mfaDevice(serial);
  return device;
}

/** The owner's own device. @throws NoSuchEntity also for somebody else's. */
async function requireEnabled(state: IamState, owner: Owner, serial: string): Promise<MfaDevice> {
  const device = await requireDevice(state, serial);
  if (device.owner !== owner.id) throw noSuch.mfaDevice(serial);
  return device;
}

export const mfaDevices = {
  async CreateVirtualMFADevice(input, ctx) {
    const state = iamState(ctx);
    const path = readPath(input.Path);
    const name = input.VirtualMFADeviceName!;
    const serial = `arn:${ctx.partition}:iam::${state.account}:mfa${path}${name}`;
    // The longest serial number that any operation takes (IAM API reference, EnableMFADevice).
    if (serial.length > 256) throw validationError("The serial number of the device must not exceed 256 characters.");
    const tags = readTags(input.Tags);
    const existing = await state.get("mfaDevice", serial);
    if (existing && !existing.retired) throw alreadyExists("MFA device already exists.");
    const seed = newSeed(ctx.random);
    const text = base32(seed);
    state.put("mfaDevice", serial, {
      serial,
      name,
      path,
      createdAt: ctx.now,
      tags,
      seed: await protectSeed(ctx.keys, serial, seed),
      drift: 0,
      lastStep: 0,
    });
    const account = await state.get("account", "account");
    const label = encodeURIComponent(`${name}@${account?.alias ?? state.account}`);
    return {
      VirtualMFADevice: {
        SerialNumber: serial,
        Base32StringSeed: Buffer.from(text),
        // "otpauth://totp/$virtualMFADeviceName@$AccountName?secret=$Base32String" (API reference, VirtualMFADevice)
        QRCodePNG: qrPng(`otpauth://totp/${label}?secret=${text}`),
        ...tagsOf(tags),
      },
    };
  },

  async EnableMFADevice(input, ctx) {
    const state = iamState(ctx);
    const owner = await ownerOf(ctx, state, input.UserName);
    const device = await requireDevice(state, input.SerialNumber!);
    if (device.owner !== undefined) throw alreadyExists("MFA Device is already in use.");
    if (owner.mfa.length >= quotas.mfaDevicesPerUser) {
      throw quotaExceeded("MFADevicesPerUser", quotas.mfaDevicesPerUser);
    }
    const { AuthenticationCode1: first, AuthenticationCode2: second } = input;
    const synchronized = await synchronize(ctx.keys, device, first!, second!, ctx.now);
    state.put("mfaDevice", device.serial, { ...device, ...synchronized, owner: owner.id, enabledAt: ctx.now });
    owner.put([...owner.mfa, device.serial]);
    return {};
  },

  async ResyncMFADevice(input, ctx) {
    const state = iamState(ctx);
    const owner = await ownerOf(ctx, state, input.UserName);
    const device = await requireEnabled(state, owner, input.SerialNumber!);
    const { AuthenticationCode1: first, AuthenticationCode2: second } = input;
    const synchronized = await synchronize(ctx.keys, device, first!, second!, ctx.now);
    state.put("mfaDevice", device.serial, { ...device, ...synchronized });
    return {};
  },

  /**
   * A virtual device that was deactivated is in no list any more (recorded from AWS), and its seed cannot be
   * enabled a second time; the DeleteVirtualMFADevice that clients send next still finds it.
   */
  async DeactivateMFADevice(input, ctx) {
    const state = iamState(ctx);
    const owner = await ownerOf(ctx, state, input.UserName);
    const device = await requireEnabled(state, owner, input.SerialNumber!);
    owner.put(owner.mfa.filter((serial) => serial !== device.serial));
    const { owner: _owner, enabledAt: _enabledAt, ...rest } = device;
    state.put("mfaDevice", device.serial, { ...rest, retired: true });
    return {};
  },

  async DeleteVirtualMFADevice(input, ctx) {
    const state = iamState(ctx);
    const serial = input.SerialNumber!;
    if (!serial.startsWith(`arn:${ctx.partition}:iam::`)) throw invalidInput(`${serial} is no virtual MFA device.`);
    const device = await state.get("mfaDevice", serial);
    if (!device) throw noSuch.mfaDevice(serial);
    if (device.owner !== undefined) {
      throw deleteConflict("MFA VirtualDevice in use. Must deactivate first.");
    }
    state.delete("mfaDevice", device.serial);
    return {};
  },

  async ListMFADevices(input, ctx) {
    const state = iamState(ctx);
    const owner = await ownerOf(ctx, state, input.UserName);
    const devices = (await state.getMany("mfaDevice", owner.mfa)).filter((device) => device !== undefined);
    const { items, paging } = pageOfArray(input, devices, (device) => device.serial);
    return {
      MFADevices: items.map((device) => ({
        UserName: owner.name,
        SerialNumber: device.serial,
        EnableDate: new Date(device.enabledAt ?? device.createdAt),
      })),
      ...paging,
    };
  },

  async GetMFADevice(input, ctx) {
    const state = iamState(ctx);
    const device = await requireDevice(state, input.SerialNumber!);
    if (input.UserName !== undefined) {
      const owner = await ownerOf(ctx, state, input.UserName);
      if (device.owner !== owner.id) throw noSuch.mfaDevice(device.serial);
    }
    const [user] = device.owner === undefined ? [] : await entitiesById(state, "user", [device.owner]);
    return {
      ...(user ? { UserName: user.name } : {}),
      SerialNumber: device.serial,
      ...(device.enabledAt === undefined ? {} : { EnableDate: new Date(device.enabledAt) }),
    };
  },

  async ListVirtualMFADevices(input, ctx) {
    const state = iamState(ctx);
    const devices = (await state.all("mfaDevice"))
      .map((document) => document.value)
      .filter(
        (device) =>
          !device.retired &&
          (input.AssignmentStatus === undefined ||
            input.AssignmentStatus === "Any" ||
            (input.AssignmentStatus === "Assigned") === (device.owner !== undefined)),
      );
    const { items, paging } = pageOfArray(input, devices, (device) => device.serial);
    const shapes = items.map(async (device) => {
      const [user] = device.owner === undefined ? [] : await entitiesById(state, "user", [device.owner]);
      const root = device.owner === state.account;
      return {
        SerialNumber: device.serial,
        ...(user ? { User: userSummary(user) } : {}),
        ...(root
          ? {
              User: {
                Path: "/",
                UserName: undefined,
                UserId: state.account,
                Arn: `arn:${ctx.partition}:iam::${state.account}:root`,
                CreateDate: new Date(device.createdAt),
              },
            }
          : {}),
        ...(device.enabledAt === undefined ? {} : { EnableDate: new Date(device.enabledAt) }),
      };
    });
    return { VirtualMFADevices: await Promise.all(shapes), ...paging };
  },
} satisfies IamHandlers;
