# Two models whose trailing block must stay sparse, beside lme4::lmer(): five crossed and nested
# factors, where a dense block would lose, and two crossed factors of 50,000 levels each, where it
# would not fit in memory.
#
#   Rscript bench/sparse.R [models=five,firms] [peers=lmer] [limit=300] [lib=.lib] [write=yes]
#
# from the top of the project. Ends with status 1 if rlmm() does not keep the block sparse, or has a
# higher criterion than lmer().

source("bench/common.R")

# 30,000 pupils with four rows each, in 300 schools of 15 districts. Most stay in their school; all
# have a teacher there (6,000 in all) and live in a neighbourhood of the district (3,000 in all).
five_data <- function() {
  set.seed(11)
  pupil <- rep(1:30000, each = 4L)
  home <- (pupil - 1L) %/% 100L + 1L
  moved <- runif(length(pupil)) < 0.02
  school <- ifelse(moved, pmin(home + 1L, 300L), home)
  district <- (home - 1L) %/% 20L + 1L
  teacher <- (school - 1L) * 20L + sample.int(20L, length(pupil), TRUE)
  place <- (district - 1L) * 200L + sample.int(200L, 30000L, TRUE)[pupil]
  x <- rnorm(length(pupil))
  y <- 3 + 0.5 * x + rnorm(30000)[pupil] + rnorm(6000, 0, 0.6)[teacher] +
    rnorm(3000, 0, 0.4)[place] + rnorm(300, 0, 0.5)[school] + rnorm(15, 0, 0.4)[district] +
    rnorm(length(pupil))
  data.frame(y = y, x = x, pupil = factor(pupil), teacher = factor(teacher),
    place = factor(place), school = factor(school), district = factor(district))
}

# 50,000 workers with four rows each: half stay in one of 50,000 firms, the others have rows in up
# to two more nearby, so that the shared pairs make long chains.
firms_data <- function() {
  set.seed(12)
  worker <- rep(1:50000, each = 4L)
  last <- rep(sample(0:2, 50000L, TRUE, prob = c(0.5, 0.3, 0.2)), each = 4L)
  moves <- pmin(rep(0:3, 50000L), last)
  firm <- pmin(worker + moves, 50000L)
  x <- rnorm(length(worker))
  y <- 1 + 0.3 * x + rnorm(50000, 0, 0.8)[worker] + rnorm(50000, 0, 0.6)[firm] +
    rnorm(length(worker))
  data.frame(y = y, x = x, worker = factor(worker), firm = factor(firm))
}

all_models <- list(
  five = list(title = "Five factors, crossed and nested", data = five_data, REML = TRUE,
    formula = y ~ x + (1 | pupil) + (1 | teacher) + (1 | place) + (1 | school) + (1 | district)),
  firms = list(title = "50,000 workers and 50,000 firms, few shared pairs", data = firms_data,
    REML = TRUE, formula = y ~ x + (1 | worker) + (1 | firm))
)

measure <- function(name, options) {
  message(format(Sys.time(), "%H:%M:%S"), " ", name)
  model <- all_models[[name]]
  data <- model$data()
  model$data <- NULL
  fitters <- c("rlmm", intersect(options$peers, "lmer"))
  sapply(fitters, fit_apart, model = model, data = data, limit = options$limit, simplify = FALSE)
}

# Seconds of one dense Cholesky factorisation of this size, from a smaller one.
dense_seconds <- function(size, tried = 2000) {
  A <- diag(tried) + 1
  seconds <- stats::median(replicate(3L, system.time(chol(A))[["elapsed"]]))
  seconds * (size / tried)^3
}

fit_row <- function(name, found) {
  if (!is.null(found$error)) return(c(name, found$error, rep("", 4L)))
  c(name, number(found$wall), number(found$cpu), megabytes(found$peak), found$evaluations,
    format(found$criterion, digits = 14))
}

# What the fit says of its factorisation, beside a dense block of the same size.
factorisation_lines <- function(f) {
  size <- f$trailing_size
  counts <- function(x) format(signif(x, 3), big.mark = ",")
  c(
    sprintf("Leading factor `%s` (%s random effects); trailing block of %s random effects, **%s**.",
      f$leading, counts(f$leading_size), counts(size), f$kind),
    "",
    markdown_table(c("trailing block", "operations of a factorisation", "MB of the factor"), list(
      c("as chosen", counts(f$trailing_operations), number(f$trailing_bytes / 1e6)),
      c("dense", counts(size^3 / 3), number(8 * size^2 / 1e6))
    )), "",
    sprintf("One dense factorisation alone would take about %s s on one thread.",
      number(dense_seconds(size)))
  )
}

model_section <- function(name, found) {
  rows <- Map(fit_row, names(found), found)
  less <- found$rlmm$criterion - c(found$lmer$criterion, NA)[1L]
  c("", paste("###", all_models[[name]]$title), "",
    paste0("`", paste(deparse(all_models[[name]]$formula, 500L), collapse = ""), "`"), "",
    markdown_table(c("", "wall, s", "CPU, s", "peak, MB", "evaluations", "criterion"), rows), "",
    if (isTRUE(is.finite(less))) c(paste("Criterion less lmer's:", format(less, digits = 2)), ""),
    if (is.null(found$rlmm$error)) factorisation_lines(found$rlmm$factorisation))
}

failed <- function(found) {
  !is.null(found$rlmm$error) || found$rlmm$factorisation$kind != "sparse" ||
    !isTRUE(found$rlmm$certified) || isTRUE(found$rlmm$criterion - found$lmer$criterion > 1e-6)
}

single_blas_thread()
options <- command_options(models = names(all_models), peers = "lmer", limit = 300)
found <- sapply(options$models, measure, options = options, simplify = FALSE)
lines <- c("## Trailing blocks that must stay sparse", "",
  "One fit each in a fresh process (`bench/sparse.R`).",
  unlist(lapply(names(found), function(name) model_section(name, found[[name]]))), "",
  machine_facts())
report("sparse", lines, options$write,
  setequal(options$models, names(all_models)) && "lmer" %in% options$peers)
quit(status = as.integer(any(vapply(found, failed, NA))))
