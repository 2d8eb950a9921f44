//! How many instances live at once, and what they may have, by Spin's names in the environment.

use std::{fmt::Display, str::FromStr};

use wasmtime::{Enabled, PoolingAllocationConfig};

/// Most instances that live at once, as in Spin; a request beyond them is refused.
const MAX_INSTANCES: u32 = 1_000;

/// Most bytes that one linear memory may have: 128 MiB.
const MAX_MEMORY: usize = 128 << 20;

/// Most bytes of an instance's memory that the next one finds in place: what a request touches.
const KEEP_RESIDENT: usize = 256 << 10;

/// What bounds the instances.
pub struct InstanceLimits {
    /// How many live at once.
    pub instances: u32,
    /// Bytes of one linear memory.
    pub max_memory: usize,
    /// Where they are allocated in advance; `None` for each on its own.
    pub pool: Option<PoolingAllocationConfig>,
}

/// A variable has a value that is not a number.
#[derive(Debug, thiserror::Error)]
#[error("{name} in the environment: {cause}; give a whole number, or leave it out")]
pub struct Error {
    name: &'static str,
    cause: String,
}

impl InstanceLimits {
    /// As `environment` says, and the defaults for the rest.
    ///
    /// # Errors
    /// When a value is not a whole number.
    pub fn read(
        environment: impl Fn(&str) -> Option<String>,
        max_memory: Option<usize>,
    ) -> Result<Self, Error> {
        let read = Environment(environment);
        let all = read.number("SPIN_MAX_INSTANCE_COUNT", MAX_INSTANCES)?;
        let instances = read.number("SPIN_WASMTIME_INSTANCE_COUNT", all)?;
        let max_memory = max_memory.unwrap_or(MAX_MEMORY);
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(instances)
            .total_memories(read.number("SPIN_WASMTIME_TOTAL_MEMORIES", all)?)
            .total_tables(read.number("SPIN_WASMTIME_TOTAL_TABLES", all.saturating_mul(2))?)
            .total_stacks(read.number("SPIN_WASMTIME_TOTAL_STACKS", all)?)
            .total_core_instances(
                read.number("SPIN_WASMTIME_TOTAL_CORE_INSTANCES", all.saturating_mul(4))?,
            )
            .max_memory_size(max_memory)
            .linear_memory_keep_resident(
                read.number("SPIN_WASMTIME_LINEAR_MEMORY_KEEP_RESIDENT", KEEP_RESIDENT)?,
            )
            .table_keep_resident(read.number("SPIN_WASMTIME_TABLE_KEEP_RESIDENT", KEEP_RESIDENT)?)
            .pagemap_scan(Enabled::Auto);
        read.limit_component(&mut pool)?;
        let is_pooled = read.number("SPIN_WASMTIME_POOLING", 1_u8)? != 0;
        Ok(Self {
            instances,
            max_memory,
            pool: is_pooled.then_some(pool),
        })
    }
}

struct Environment<F>(F);

impl<F: Fn(&str) -> Option<String>> Environment<F> {
    /// What one component may consist of; wasmtime's defaults do for the rest.
    fn limit_component(&self, pool: &mut PoolingAllocationConfig) -> Result<(), Error> {
        if let Some(elements) = self.given("SPIN_WASMTIME_INSTANCE_TABLE_ELEMENTS")? {
            pool.table_elements(elements);
        }
        if let Some(bytes) = self.given("SPIN_WASMTIME_INSTANCE_SIZE")? {
            pool.max_component_instance_size(bytes);
        }
        if let Some(bytes) = self.given("SPIN_WASMTIME_CORE_INSTANCE_SIZE")? {
            pool.max_core_instance_size(bytes);
        }
        if let Some(count) = self.given("SPIN_WASMTIME_CORE_INSTANCE_COUNT")? {
            pool.max_core_instances_per_component(count);
        }
        if let Some(count) = self.given("SPIN_WASMTIME_INSTANCE_TABLES")? {
            pool.max_tables_per_component(count);
        }
        if let Some(count) = self.given("SPIN_WASMTIME_INSTANCE_MEMORIES")? {
            pool.max_memories_per_component(count);
        }
        if let Some(count) = self.given("SPIN_WASMTIME_MAX_TABLES_PER_MODULE")? {
            pool.max_tables_per_module(count);
        }
        if let Some(count) = self.given("SPIN_WASMTIME_MAX_MEMORIES_PER_MODULE")? {
            pool.max_memories_per_module(count);
        }
        Ok(())
    }

    fn number<T: FromStr<Err: Display>>(&self, name: &'static str, default: T) -> Result<T, Error> {
        Ok(self.given(name)?.unwrap_or(default))
    }

    fn given<T: FromStr<Err: Display>>(&self, name: &'static str) -> Result<Option<T>, Error> {
        let value = self.0(name).map(|text| text.parse());
        value.transpose().map_err(|cause: T::Err| Error {
            name,
            cause: cause.to_string(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<InstanceLimits, Error> {
        let value = |name: &str| {
            let found = given.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        InstanceLimits::read(value, None)
    }

    #[test]
    fn the_count_of_instances_decides_of_what_they_are_made_unless_that_is_given() {
        for (given, instances, memories, tables, core_instances) in [
            (&[][..], 1000, 1000, 2000, 4000),
            (&[("SPIN_MAX_INSTANCE_COUNT", "2")], 2, 2, 4, 8),
            (
                &[
                    ("SPIN_MAX_INSTANCE_COUNT", "5"),
                    ("SPIN_WASMTIME_INSTANCE_COUNT", "2"),
                    ("SPIN_WASMTIME_TOTAL_MEMORIES", "3"),
                ],
                2,
                3,
                10,
                20,
            ),
        ] {
            let limits = read(given).unwrap();

            assert_eq!(limits.instances, instances, "{given:?}");
            let pool = limits.pool.unwrap();
            assert_eq!(pool.get_total_component_instances(), instances);
            assert_eq!(pool.get_total_memories(), memories, "{given:?}");
            assert_eq!(pool.get_total_tables(), tables, "{given:?}");
            assert_eq!(pool.get_total_core_instances(), core_instances);
        }
    }

    #[test]
    fn the_pool_can_be_left_out_and_the_count_stays() {
        let given = [
            ("SPIN_MAX_INSTANCE_COUNT", "2"),
            ("SPIN_WASMTIME_POOLING", "0"),
        ];

        let limits = read(&given).unwrap();

        assert!(limits.pool.is_none());
        assert_eq!(limits.instances, 2);
    }

    #[test]
    fn a_value_that_is_not_a_number_is_refused_by_the_variable_s_name() {
        for value in ["", "many", "-1", "99999999999"] {
            let error = read(&[("SPIN_MAX_INSTANCE_COUNT", value)]).err().unwrap();

            let text = error.to_string();
            assert!(text.starts_with("SPIN_MAX_INSTANCE_COUNT in"), "{text}");
        }
    }
}
