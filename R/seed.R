# Random numbers: R's own generator, used as stats::simulate() documents.

# Evaluates `code`, which draws random numbers, after set.seed(seed), and puts the generator back as
# it was. Without a seed the generator goes on from where it is. Gives the value and what is to
# become its attribute "seed".
with_generator <- function(seed, code) {
  if (!exists(".Random.seed", globalenv(), inherits = FALSE)) stats::runif(1L)
  before <- get(".Random.seed", globalenv(), inherits = FALSE)
  if (is.null(seed)) return(list(value = code, seed = before))
  on.exit(assign(".Random.seed", before, envir = globalenv()))
  set.seed(seed)
  state <- structure(seed, kind = as.list(RNGkind()))
  list(value = code, seed = state)
}

check_count <- function(x, name) {
  whole <- is.numeric(x) && length(x) == 1L && is.finite(x) && x >= 1 && x == round(x)
  if (!whole) stop_rlmm("bad_argument", paste0("'", name, "' must be a whole number, at least 1"),
    column = name)
  as.integer(x)
}
