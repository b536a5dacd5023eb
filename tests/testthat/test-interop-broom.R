skip_if_not_installed("generics")
skip_if_not_installed("broom.mixed")

test_that("the tables are those of lmer's fit", {
  estimates <- function(table) table[c("effect", "group", "term", "estimate")]
  expect_as_lmer(generics::tidy(x), take = estimates)
  fixed <- function(table) table[c("effect", "term", "estimate", "std.error", "statistic")]
  expect_as_lmer(generics::tidy(x, effects = "fixed", exponentiate = TRUE), "penicillin",
    function(table) table[c("estimate", "std.error")])
  expect_as_lmer(generics::tidy(x, effects = "fixed"), take = fixed)
  expect_as_lmer(generics::tidy(x, effects = "ran_pars", scales = "vcov"), take = estimates)
  expect_as_lmer(generics::tidy(x, effects = "ran_vals", conf.int = TRUE, conf.level = 0.9))
  expect_as_lmer(generics::tidy(x, effects = "ran_coefs"))
  expect_as_lmer(generics::glance(x))
  expect_as_lmer(generics::glance(update(x, REML = FALSE)))
  expect_as_lmer(broom.mixed::augment(x), take = function(table) table[names(table) != ".cooksd"])
  new <- data.frame(Days = 12, Subject = "308")
  expect_as_lmer(broom.mixed::augment(x, newdata = new)$.fitted, "slope", unname)
})

test_that("p values and limits are those of lmerTest's fit", {
  skip_if_not_installed("lmerTest")
  tested <- function(x) if (inherits(x, "rlmm")) x else lmerTest::as_lmerModLmerTest(x)
  expect_as_lmer(generics::tidy(tested(x), effects = "fixed", conf.int = TRUE))
  skip_if_not_installed("pbkrtest")
  expect_as_lmer(generics::tidy(tested(x), effects = "fixed", ddf.method = "Kenward-Roger"),
    unweighted)
  expect_false("p.value" %in% names(generics::tidy(interop_fits("slope")$ours,
    ddf.method = "none")))
})

test_that("limits are those of the other functions", {
  fit <- interop_fits("slope")$ours
  table <- as.data.frame(generics::tidy(fit, conf.int = TRUE, conf.level = 0.8))
  rownames(table) <- table$term
  limits <- intervals(fit, 0.8)
  at <- c("sd__(Intercept)", "sd__Days", "cor__(Intercept).Days")
  expect_equal(table[at, "conf.low"], limits$reStruct$Subject[, "lower"], ignore_attr = TRUE)
  expect_equal(table["sd__Observation", "conf.high"], limits$sigma[["upper"]])
  expect_equal(table[at, "std.error"], variance_parameters(fit)$std_error[1:3])
  variances <- as.data.frame(generics::tidy(fit, "ran_pars", scales = "vcov", conf.int = TRUE))
  expect_equal(variances$estimate[c(1, 3, 4)], table$estimate[c(3, 5, 6)]^2)
  expect_equal(is.na(variances$conf.low), c(FALSE, TRUE, FALSE, FALSE))
  named <- generics::tidy(fit, "ran_pars", ran_prefix = c("s", "r"))
  expect_equal(named$term[1:2], c("s__(Intercept)", "r__(Intercept).Days"))
})

test_that("terms of the same factor, singular fits and rows left out", {
  table <- generics::tidy(our_fit("three"), "ran_pars")
  expect_equal(unique(table$group), c("Subject", "Subject.1", "h", "Residual"))
  singular <- generics::tidy(our_fit("singular"), "ran_pars", conf.int = TRUE)
  expect_equal(singular$estimate[1], 0)
  expect_true(is.na(singular$conf.low[1]))
  fit <- our_fit("exclude")
  expect_equal(generics::augment(fit)$.cooksd, unname(stats::na.omit(cooks.distance(fit))),
    ignore_attr = TRUE)
  whole <- generics::augment(fit, data = method_data())
  expect_equal(which(is.na(whole$.fitted)), c(3, 50))
  expect_rlmm_error(generics::augment(fit, data = method_data()[1:5, ]), "data", "5 rows")
  expect_rlmm_error(generics::tidy(fit, effects = "all"), "bad_argument", "ran_pars")
})

test_that("limits by profile and bootstrap are those of confint()", {
  fit <- interop_fits("slope")$ours
  profiled <- generics::tidy(fit, conf.int = TRUE, conf.method = "profile")
  direct <- confint(fit, oldNames = FALSE)
  at <- c("(Intercept)", "Days", "sd_(Intercept)|Subject", "cor_Days.(Intercept)|Subject",
    "sd_Days|Subject", "sigma")
  expect_equal(as.matrix(profiled[c("conf.low", "conf.high")]), direct[at, ], ignore_attr = TRUE)
  expect_as_lmer(generics::tidy(x, "ran_pars", conf.int = TRUE, conf.method = "profile"),
    c("penicillin", "cake", "weighted", "deficient", "oats"),
    function(table) table[c("estimate", "conf.low", "conf.high")], tolerance = 1e-3)
  set.seed(2)
  booted <- generics::tidy(fit, "fixed", conf.int = TRUE, conf.method = "boot", nsim = 40)
  set.seed(2)
  direct <- confint(fit, method = "boot", nsim = 40, oldNames = FALSE)
  expect_equal(booted$conf.low, direct[booted$term, 1], ignore_attr = TRUE)
})
