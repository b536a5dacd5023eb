# ranova() against lmerTest, anova() and lm().

random_data <- function() {
  d <- rlmm::sleepstudy
  set.seed(1)
  d$f <- gl(3, 1, 180)
  d$z <- stats::rnorm(180)
  d$w <- stats::runif(180, 0.5, 2)
  d$h <- factor(rep(1:10, 18))
  # every variance is far from zero, where lmer finds the optimum, too
  d$Reaction <- d$Reaction + 20 * stats::rnorm(10)[d$h] +
    40 * matrix(stats::rnorm(54), 18)[cbind(d$Subject, d$f)]
  d
}

test_that("the tables are lmerTest's", {
  skip_if_not_installed("lmerTest")
  d <- random_data()
  tight <- lme4::lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-8))
  for (formula in list(Reaction ~ Days + (Days | Subject), Reaction ~ Days + (f | Subject),
    Reaction ~ Days + (0 + f | Subject), Reaction ~ Days + (1 | Subject) + (1 | h),
    Reaction ~ Days + (Days || Subject) + (1 | h), Reaction ~ Days + (Days * z | Subject))) {
    for (REML in c(TRUE, FALSE)) {
      theirs <- suppressMessages(eval(bquote(
        lmerTest::lmer(.(formula), d, REML = .(REML), control = tight))))
      ours <- suppressMessages(rlmm(formula, d, REML = REML))
      for (reduce in c(TRUE, FALSE)) {
        a <- ranova(ours, reduce.terms = reduce)
        b <- suppressMessages(lmerTest::ranova(theirs, reduce.terms = reduce))
        expect_equal(row.names(a), row.names(b))
        expect_equal(as.matrix(a)[, names(b)], as.matrix(b), tolerance = 1e-5)
        if (!grepl("||", deparse(formula), fixed = TRUE)) {
          expect_equal(attr(a, "heading"), attr(b, "heading"))
        }
      }
    }
  }
})

test_that("uncorrelated effects go one at a time", {
  d <- random_data()
  fit <- rlmm(Reaction ~ Days + (Days || Subject) + (1 | h), d)
  table <- ranova(fit)
  expect_equal(row.names(table), c("<none>", "(1 | Subject)",
    "Days in (0 + Days | Subject)", "(1 | h)"))
  without <- rlmm(Reaction ~ Days + (1 | Subject) + (1 | h), d)
  expect_equal(table[3, "LRT"], REMLcrit(without) - REMLcrit(fit), tolerance = 1e-6)
  factors <- suppressMessages(rlmm(Reaction ~ Days + (f || Subject), d))
  expect_equal(row.names(ranova(factors)), c("<none>", "f in (f || Subject)"))
})

test_that("the mixture is that of anova(), and the last term is compared with lm()", {
  d <- random_data()
  slopes <- rlmm(Reaction ~ Days + (Days | Subject), d)
  intercepts <- rlmm(Reaction ~ Days + (1 | Subject), d)
  compared <- suppressMessages(anova(slopes, intercepts, refit = FALSE))
  expect_equal(ranova(slopes)[2, "Pr(>mixture)"], compared[2, "Pr(>mixture)"], tolerance = 1e-6)
  table <- ranova(intercepts)
  none <- lm(Reaction ~ Days, d)
  expect_equal(table[2, "logLik"], as.numeric(logLik(none, REML = TRUE)))
  expect_equal(table[2, "Pr(>mixture)"], table[2, "Pr(>Chisq)"] / 2)
  expect_output(print(table), "Pr(>mixture)", fixed = TRUE)
  # two variances at once follow no mixture of two
  expect_true(is.na(ranova(slopes, reduce.terms = FALSE)[2, "Pr(>mixture)"]))
})

test_that("weights, offsets and redundant columns stay", {
  d <- random_data()
  d$z2 <- 2 * d$z
  fit <- suppressMessages(rlmm(Reaction ~ z + z2 + offset(Days) + (1 | Subject) + (1 | h), d,
    weights = w, REML = FALSE))
  smaller <- rlmm(Reaction ~ z + offset(Days) + (1 | h), d, weights = w, REML = FALSE)
  expect_equal(ranova(fit)["(1 | Subject)", "logLik"], as.numeric(logLik(smaller)))
  alone <- rlmm(Reaction ~ z + offset(Days) + (1 | h), d, weights = w, REML = FALSE)
  none <- lm(Reaction ~ z + offset(Days), d, weights = w)
  expect_equal(ranova(alone)["(1 | h)", "logLik"], as.numeric(logLik(none)))
})

test_that("a variance of zero costs nothing", {
  fit <- suppressMessages(rlmm(Yield ~ 1 + (1 | Batch), model_data("singular")))
  table <- ranova(fit)
  expect_equal(table[2, "LRT"], 0)
  expect_equal(table[2, "Pr(>mixture)"], 1)
})

test_that("fits of lmerTest are handed on", {
  skip_if_not_installed("lmerTest")
  theirs <- lmerTest::lmer(Reaction ~ Days + (Days | Subject), lme4::sleepstudy)
  expect_equal(ranova(theirs), lmerTest::ranova(theirs), ignore_formula_env = TRUE)
  expect_rlmm_error(ranova(lm(dist ~ speed, cars)), "no_method", "fitted by rlmm")
})
