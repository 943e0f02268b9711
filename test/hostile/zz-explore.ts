import { writeFileSync } from "node:fs";
import { loadModel } from "../../src/model/load.ts";
import { services } from "../../src/roles/services.ts";
import { startInstance } from "../instance.ts";
import { casesOf } from "./cases.ts";
import { createResources } from "./resources.ts";
import { Attacker } from "./signedRequest.ts";
const only = process.argv[2]?.split(",");
const instance = await startInstance();
const known = await createResources(instance);
const attacker = new Attacker(instance.ready);
const all: any[] = [];
let n = 0, big=0;
for (const s of services) { if (only && !only.includes(s.id) && !only.some((o)=>o.startsWith(s.id+":"))) continue; const model = loadModel(s.id);
  const ops=[...s.operations.keys()].sort((a,b)=>Number(/^(Delete|Detach|Remove|Schedule|Disable|Stop|Abort|Complete|Deregister)/.test(a))-Number(/^(Delete|Detach|Remove|Schedule|Disable|Stop|Abort|Complete|Deregister)/.test(b)));
  for (const op of ops) if (!only || only.includes(s.id) || only.includes(s.id+":"+op)) for (const c of casesOf(model, model.operations.get(op)!, known[s.id] ?? {})) { all.push(c); n++; } }
console.log("cases", n);
const per:any={};for(const c of all){per[c.service.id+":"+c.kind]=(per[c.service.id+":"+c.kind]??0)+1;}console.log(per);
const since = performance.now();
let at = 0; const out: string[] = [];const slow:string[]=[];
await Promise.all(Array.from({length: 24}, async () => { for (;;) { const c = all[at++]; if (!c) return;
 let line: string;
 try { const a = await attacker.send(c.draft); line = `${a.status}\t${a.code}\t${c.service.id}:${c.operation.name}\t${c.kind}\t${c.what}\t${a.status>=500||a.status===200?a.text.slice(0,300).replace(/\s+/g," "):a.text.slice(0,300).replace(/\s+/g," ")}`; if(a.ms>2000) slow.push(Math.round(a.ms)+" "+line.slice(0,200)); }
 catch (e:any) { line = `none\t${e.message}\t${c.service.id}:${c.operation.name}\t${c.kind}\t${c.what}`; }
 out.push(line); if (out.length % 5000 === 0) console.log(out.length, Math.round((performance.now()-since)/1000)); } }));
console.log("seconds", (performance.now()-since)/1000, "slow", slow.length);
writeFileSync(`/tmp/robust-out${only?"-"+only.join("-"):""}.tsv`, out.join("\n")); writeFileSync("/tmp/robust-slow.txt", slow.join("\n"));
console.log((await import("node:fs")).readFileSync(instance.dataDir+"/logs/api.log","utf8").split("\n").filter(l=>/"err"/.test(l)).slice(0,400).map(l=>{const j=JSON.parse(l);return (j.err.message+" "+(j.err.stack??"").split("\n").slice(1,5).join(" ")).replaceAll("file:///work/main/src/","")}).reduce((m,l)=>m.set(l,(m.get(l)??0)+1),new Map()));
import {cpSync} from "node:fs"; cpSync(instance.dataDir+"/logs","/tmp/robust-logs",{recursive:true});
attacker.close(); await instance.stop();
const count: any = {}; for (const l of out) { const [s, c] = l.split("\t"); count[`${s} ${c}`] = (count[`${s} ${c}`] ?? 0) + 1; }
console.log(count);
