//! Calls in text form.

use anyhow::{Context, Result, anyhow};
use wasmtime::AsContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::wasm_wave::untyped::UntypedFuncCall;
use wasmtime::component::{Func, Instance, Val};

/// Calls the export with the name in `call`.
pub fn invoke(mut store: impl AsContextMut, instance: &Instance, call: &str) -> Result<String> {
    let call = UntypedFuncCall::parse(call).map_err(|error| anyhow!("not a call: {error}"))?;
    let function =
        find(&mut store, instance, call.name()).with_context(|| format!("no export is called {}", call.name()))?;
    let ty = function.ty(&store);
    let types: Vec<_> = ty.params().map(|(_, ty)| ty).collect();
    let arguments: Vec<Val> = call
        .to_wasm_params(&types)
        .map_err(|error| anyhow!("arguments that do not fit {}: {error}", call.name()))?;
    let mut results = vec![Val::Bool(false); ty.results().len()];
    function.call(&mut store, &arguments, &mut results)?;
    results.iter().map(|result| Ok(result.to_wave()?)).collect()
}

fn find(mut store: impl AsContextMut, instance: &Instance, name: &str) -> Option<Func> {
    let pre = instance.instance_pre(&store);
    let component = pre.component();
    let interfaces = component.component_type();
    let interface = interfaces
        .exports(component.engine())
        .find_map(|(interface, item)| match item.ty {
            ComponentItem::ComponentInstance(ty) => ty
                .exports(component.engine())
                .any(|(function, _)| function == name)
                .then_some(interface),
            _ => None,
        })?;
    let parent = instance.get_export_index(&mut store, None, interface)?;
    let function = instance.get_export_index(&mut store, Some(&parent), name)?;
    instance.get_func(&mut store, function)
}
