# Usage: source("bench/workload.R"), from the top of the project
#
# The standard workload: data sets (from installed packages, or simulated with fixed seeds) and
# models, with what is asked of rlmm() on each.

# A model of the workload. `speed`: at least this many times faster than lmer(); `evaluations` of
# criterion and derivatives, `memory` relative to lmer's peak: at most this. `nlme` is the random
# part for lme(), where it has one. `optimum` is the best criterion known where peers stop above it.
workload_model <- function(name, data, formula, REML = TRUE, speed = NA, evaluations = NA,
                           memory = 1, nlme = NULL, optimum = NA) {
  environment(formula) <- globalenv()
  if (!is.null(nlme)) environment(nlme) <- globalenv()
  list(name = name, data = data, formula = formula, REML = REML, speed = speed,
    evaluations = evaluations, memory = memory, nlme = nlme, optimum = optimum)
}

small_models <- list(
  workload_model("sleep.REML", "sleepstudy", Reaction ~ Days + (Days | Subject),
    speed = 12, evaluations = 8, nlme = ~ Days | Subject),
  workload_model("sleep.ML", "sleepstudy", Reaction ~ Days + (Days | Subject), REML = FALSE,
    speed = 12, evaluations = 8, nlme = ~ Days | Subject),
  workload_model("dyestuff", "Dyestuff", Yield ~ 1 + (1 | Batch),
    speed = 12, evaluations = 8, nlme = ~ 1 | Batch),
  workload_model("penicillin", "Penicillin", diameter ~ 1 + (1 | plate) + (1 | sample),
    speed = 12, evaluations = 8),
  workload_model("pastes", "Pastes", strength ~ 1 + (1 | batch / cask),
    speed = 12, evaluations = 8, nlme = ~ 1 | batch / cask),
  workload_model("cake", "cake", angle ~ recipe * temperature + (1 | recipe:replicate),
    speed = 12, evaluations = 8),
  workload_model("dietox", "dietox", Weight ~ Time + (1 + Time | Pig),
    speed = 15, evaluations = 12, nlme = ~ 1 + Time | Pig),
  workload_model("sitka.int", "Sitka", size ~ Time + (1 | tree),
    speed = 12, evaluations = 8, nlme = ~ 1 | tree),
  workload_model("sitka.slope.raw", "Sitka", size ~ Time + (1 + Time | tree),
    speed = 15, evaluations = 12, nlme = ~ 1 + Time | tree),
  workload_model("sitka.slope.scaled", "Sitka", size ~ Time100 + (1 + Time100 | tree),
    nlme = ~ 1 + Time100 | tree)
)

large_models <- list(
  workload_model("insteval.4", "InstEval",
    y ~ service + (1 | s) + (1 | d) + (1 | dept) + (1 | dept:service),
    speed = 18, evaluations = 10),
  workload_model("insteval.3ML", "InstEval", y ~ service + (1 | s) + (1 | d) + (1 | dept),
    REML = FALSE, speed = 15, evaluations = 8),
  workload_model("insteval.sd", "InstEval", y ~ service * dept + (1 | s) + (1 | d),
    speed = 10, evaluations = 8),
  workload_model("insteval.paper", "InstEvalNum",
    y ~ 1 + service + (1 | s) + (1 | d) + (1 | dept) + (0 + service | dept),
    REML = FALSE, speed = 25, evaluations = 12),
  workload_model("slopes50k", "slopes50k", y ~ x + (1 + x | g),
    speed = 30, evaluations = 8, memory = 0.5, nlme = ~ 1 + x | g),
  workload_model("cross20k", "cross20k", y ~ x + (1 | a) + (1 | b),
    speed = 30, evaluations = 8, memory = 0.5),
  workload_model("nested500k", "nested500k", y ~ x + (1 | school / class / pupil),
    speed = 50, evaluations = 8, memory = 0.5, nlme = ~ 1 | school / class / pupil),
  workload_model("kb07max", "kb07sim",
    y ~ 1 + S + P + L + SP + SL + PL + SPL + (1 + S + P + L + SP + SL + PL + SPL | subj) +
      (1 + S + P + L + SP + SL + PL + SPL | item),
    REML = FALSE, speed = 400, evaluations = 40, optimum = 28647.686101)
)

workload <- c(small_models, large_models)
names(workload) <- vapply(workload, `[[`, "", "name")

# The data of a model, by the name in its element `data`.
workload_data <- function(name) {
  RNGkind("Mersenne-Twister", "Inversion", "Rejection")
  switch(name,
    InstEvalNum = transform(lme4::InstEval, service = as.numeric(service) - 1),
    dietox = dietox_data(),
    Sitka = transform(MASS::Sitka, tree = factor(tree), Time100 = (Time - 200) / 100),
    kb07sim = kb07_data(),
    slopes50k = slopes_data(),
    cross20k = crossed_data(),
    nested500k = nested_data(),
    getExportedValue("lme4", name)
  )
}

dietox_data <- function() {
  utils::data("dietox", package = "geepack", envir = environment())
  dietox$Pig <- factor(dietox$Pig)
  dietox
}

# A psycholinguistic experiment: 56 subjects by 32 items, the eight cells of three two-level factors
# S, P, L rotate over a Latin square.
kb07_data <- function() {
  set.seed(42)
  g <- expand.grid(subj = 1:56, item = 1:32)
  cell <- (g$subj + g$item) %% 8
  sign_of <- function(bit) ifelse(bitwAnd(cell, bit) > 0, 1, -1)
  g$S <- sign_of(1L)
  g$P <- sign_of(2L)
  g$L <- sign_of(4L)
  g$SP <- g$S * g$P
  g$SL <- g$S * g$L
  g$PL <- g$P * g$L
  g$SPL <- g$S * g$P * g$L
  X <- as.matrix(cbind(1, g[, c("S", "P", "L", "SP", "SL", "PL", "SPL")]))
  by_subject <- correlated_effects(56, c(300, 30, 60, 40, 20, 40, 30, 25))
  by_item <- correlated_effects(32, c(350, 40, 250, 60, 30, 40, 20, 30))
  g$y <- drop(X %*% c(2180, 67, -333, 78, 22, -18, 4.7, -27)) +
    rowSums(X * by_subject[g$subj, ]) + rowSums(X * by_item[g$item, ]) + rnorm(nrow(g), 0, 660)
  g$subj <- factor(g$subj)
  g$item <- factor(g$item)
  g
}

# Random effects of `levels` levels with these standard deviations and a random correlation matrix.
correlated_effects <- function(levels, sd) {
  size <- length(sd)
  R <- diag(size)
  R[lower.tri(R)] <- runif(size * (size - 1) / 2, -0.35, 0.35)
  R <- (R + t(R)) / 2 * 2
  diag(R) <- 1
  e <- eigen(R, symmetric = TRUE)
  R <- e$vectors %*% (pmax(e$values, 0.05) * t(e$vectors))
  R <- R / (sqrt(diag(R)) %o% sqrt(diag(R)))
  factor <- chol(diag(sd) %*% R %*% diag(sd))
  matrix(rnorm(levels * size), levels) %*% factor
}

# A million rows: intercepts and slopes of 50,000 groups.
slopes_data <- function(groups = 50000L, rows = 20L) {
  set.seed(1)
  g <- rep(seq_len(groups), each = rows)
  x <- rnorm(groups * rows)
  b0 <- rnorm(groups, 0, 0.8)
  b1 <- 0.3 * b0 + rnorm(groups, 0, 0.4)
  data.frame(y = 1 + 0.5 * x + b0[g] + b1[g] * x + rnorm(groups * rows), x = x, g = factor(g))
}

# Two crossed factors that meet at random.
crossed_data <- function(n = 1e6L, n_a = 20000L, n_b = 2000L) {
  set.seed(2)
  a <- sample.int(n_a, n, TRUE)
  b <- sample.int(n_b, n, TRUE)
  x <- rnorm(n)
  by_a <- rnorm(n_a, 0, 0.7)
  by_b <- rnorm(n_b, 0, 0.5)
  data.frame(y = 2 + 0.3 * x + by_a[a] + by_b[b] + rnorm(n), x = x, a = factor(a), b = factor(b))
}

# 500 schools of 10 classes of 20 pupils, five rows each; classes and pupils are numbered anew in
# each school and class.
nested_data <- function() {
  set.seed(3)
  school <- rep(1:500, each = 1000L)
  class <- rep(rep(1:10, each = 100L), 500L)
  pupil <- rep(rep(1:20, each = 5L), 5000L)
  class_id <- (school - 1L) * 10L + class
  pupil_id <- (class_id - 1L) * 20L + pupil
  x <- rnorm(500000L)
  y <- 5 + 0.4 * x + rnorm(500L, 0, 0.6)[school] + rnorm(5000L, 0, 0.5)[class_id] +
    rnorm(100000L, 0, 0.9)[pupil_id] + rnorm(500000L)
  data.frame(y = y, x = x, school = factor(school), class = factor(class), pupil = factor(pupil))
}
